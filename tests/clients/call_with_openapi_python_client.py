"""Calls the demo models with the client that openapi-python-client generates."""

import json
import sys

from gateway_client import AuthenticatedClient, Client
from gateway_client.api.health import get_health
from gateway_client.api.models import describe_model, describe_model_with_parameter, list_models
from gateway_client.api.predict import (
    predict_breast_cancer,
    predict_diabetes_boosted,
    predict_diabetes_component,
    predict_diabetes_linear,
    predict_digit,
    predict_iris,
    predict_is_digit_by_digit,
    predict_wine,
    predict_wine_grade,
    predict_wine_release,
)
from gateway_client.models import (
    DescribeModelModel,
    DescribeModelWithParameterModel,
    InstancesNumberListList,
    PredictIsDigitByDigitDigit,
    Problem,
)

FUNCTIONS = {
    "breast-cancer": predict_breast_cancer,
    "diabetes-boosted": predict_diabetes_boosted,
    "diabetes-component": predict_diabetes_component,
    "diabetes-linear": predict_diabetes_linear,
    "digit": predict_digit,
    "iris": predict_iris,
    "wine": predict_wine,
    "wine-grade": predict_wine_grade,
    "wine-release": predict_wine_release,
}


def instances(example):
    return InstancesNumberListList(instances=example["instances"])


def main(url, token, token_for_iris):
    client = AuthenticatedClient(base_url=url, token=token)
    predictions = {}
    for name, function in FUNCTIONS.items():
        model = describe_model.sync(client=client, model=DescribeModelModel(name))
        predictions[name] = function.sync(client=client, body=instances(model.example))
    model = describe_model_with_parameter.sync(
        client=client, model=DescribeModelWithParameterModel("is-digit"), a="7"
    )
    predictions["is-digit/7"] = predict_is_digit_by_digit.sync(
        client=client, digit=PredictIsDigitByDigitDigit.VALUE_7, body=instances(model.example)
    )

    body = InstancesNumberListList(instances=[[1]])
    stranger = AuthenticatedClient(base_url=url, token="gw_nobody00")
    only_iris = AuthenticatedClient(base_url=url, token=token_for_iris)
    problems = [
        predict_iris.sync(client=client, body=body),
        predict_iris.sync(client=stranger, body=body),
        predict_wine.sync(client=only_iris, body=body),
    ]
    assert all(isinstance(problem, Problem) for problem in problems)
    return {
        "status": get_health.sync(client=Client(base_url=url)).status,
        "models": [model.name for model in list_models.sync(client=client).models],
        "predictions": predictions,
        "problems": [problem.to_dict() for problem in problems],
        "retryable": [problem.retryable for problem in problems],
    }


json.dump(main(*sys.argv[1:]), sys.stdout)
