"""Says which of SageMaker's hosting options AWS's rules point to, from what is known of an account.

facts      what is known of endpoints, models and their traffic
places     what a table calls, and by which paths
reading    puts the facts together: the table, the endpoints (hosts), the prices, the calls (calls)
rule       what a rule is; each option has one: in rules_alone, rule_pipeline, rule_serverless,
           rules_shared
alike      which models may share an endpoint; lacking: what is unknown of that
sharing    what an endpoint for several models needs, and costs; packing: if all are in memory
grouping   what the rules say of the endpoints for several models, those that are there first
decision   the option of each model, or what has to be measured first
summary    models with the same advice, and the totals; risks: what may go wrong with it
what_if    the same calls, if another table were in force; what_if_risks: what may go wrong then
page       the advice as one HTML page
"""
