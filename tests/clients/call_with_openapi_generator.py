"""Calls the demo models with the client that openapi-generator's generator `python` makes."""

import json
import sys

from gateway_client import (
    ApiClient,
    ApiException,
    Configuration,
    HealthApi,
    InstancesNumberListList,
    ModelsApi,
    PredictApi,
    Problem,
)

METHODS = {
    "breast-cancer": PredictApi.predict_breast_cancer,
    "diabetes-boosted": PredictApi.predict_diabetes_boosted,
    "diabetes-component": PredictApi.predict_diabetes_component,
    "diabetes-linear": PredictApi.predict_diabetes_linear,
    "digit": PredictApi.predict_digit,
    "iris": PredictApi.predict_iris,
    "wine": PredictApi.predict_wine,
    "wine-grade": PredictApi.predict_wine_grade,
    "wine-release": PredictApi.predict_wine_release,
}


def main(url, token, token_for_iris):
    def client(token):
        return ApiClient(Configuration(host=url, access_token=token))

    models, predict = ModelsApi(client(token)), PredictApi(client(token))
    predictions = {}
    for name, method in METHODS.items():
        example = models.describe_model(name).example
        predictions[name] = method(predict, body=InstancesNumberListList(**example))
    example = models.describe_model_with_parameter("is-digit", "7").example
    predictions["is-digit/7"] = predict.predict_is_digit_by_digit(
        "7", body=InstancesNumberListList(**example)
    )

    body = InstancesNumberListList(instances=[[1]])
    problems = [
        problem_of(predict.predict_iris, body),
        problem_of(PredictApi(client("gw_nobody00")).predict_iris, body),
        problem_of(PredictApi(client(token_for_iris)).predict_wine, body),
    ]
    return {
        "status": HealthApi(client(None)).get_health().status,
        "models": [model.name for model in models.list_models().models],
        "predictions": predictions,
        "problems": [problem.to_dict() for problem in problems],
        "retryable": [problem.retryable for problem in problems],
    }


def problem_of(method, body):
    try:
        method(body=body)
    except ApiException as error:
        assert isinstance(error.data, Problem)
        return error.data
    raise AssertionError("there is no problem")


json.dump(main(*sys.argv[1:]), sys.stdout)
