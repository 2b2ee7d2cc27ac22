"""Says which of SageMaker's hosting options AWS's rules point to, from what is known of an account.

facts      what is known of endpoints, models and their traffic
places     what a table calls, and by which paths
reading    puts the facts together: the table, the endpoints (hosts), the prices, the calls (calls)
rule       what a rule is; each option has one: in rules_alone, rule_pipeline, rule_serverless,
           rules_shared
sharing    what an endpoint for several models needs, and costs
grouping   which models may share an endpoint, and what the rules say of them
decision   the option of each model, or what has to be measured first
summary    models with the same advice, and the totals
what_if    the same calls, if another table were in force; what_if_risks says what may go wrong
page       the advice as one HTML page
"""
