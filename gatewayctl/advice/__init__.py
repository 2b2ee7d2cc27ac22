"""Says which of SageMaker's hosting options AWS's rules point to, from what is known of an account.

facts     what is known of endpoints, models and their traffic
rules     one rule for each option: its conditions, AWS's page, its risks
sharing   which models may share an endpoint, and what that endpoint needs
decision  the option of each model, or what has to be measured first
"""
