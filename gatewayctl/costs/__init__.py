"""What endpoints cost, and which part of it each model, target and principal bears.

figures       a number, and where it is from: measured, from AWS, assumed or unknown
mathematics   cold shares, concurrency, exact division
prices        the prices of a Region, in a file or from the Price List API (price_list)
hosting       the endpoints with what they run on, in a file or from the account (hosting_read)
usage         who called what, from the gateway's log: a file, or Logs Insights (usage_query)
cloudwatch    what CloudWatch knows of each endpoint: invocations, latency, instance hours
attribution ─► all of them   the cost of each endpoint, divided among its users
"""
