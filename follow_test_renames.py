"""Rewrite imports and names in tests that use tests/support: follow_test_renames.py FILE..."""
import re, sys, pathlib
S = "tests.support."
MOVED = {
    (S+"doors","ROOT"): (S+"paths","ROOT"),
    (S+"stand_in","ROOT"): (S+"paths","ROOT"),
    (S+"doors","CONTEXT"): (S+"events","CONTEXT"),
    (S+"doors","METHOD_ARN"): (S+"events","STAGE_ARN"),
    (S+"doors","event"): (S+"events","proxy_event"),
    (S+"doors","token_event"): (S+"events","token_event"),
    (S+"doors","LambdaContext"): (S+"events","LambdaContext"),
    (S+"doors","Headers"): (S+"events","Headers"),
    (S+"doors","TOKEN"): (S+"clients","TOKEN"),
    (S+"doors","Answer"): (S+"clients","Response"),
    (S+"doors","LocalDoor"): (S+"clients","LocalClient"),
    (S+"doors","ApiGatewayDoor"): (S+"clients","LambdaClient"),
    (S+"gateway","House"): (S+"gateway","BuiltGateway"),
    (S+"gateway","house"): (S+"gateway","build_gateway"),
    (S+"gateway","TESTS"): (S+"gateway","IDENTITY"),
    (S+"upstream","Upstream"): (S+"http_server","StubServer"),
    (S+"upstream","sends"): (S+"http_server","sends"),
    (S+"upstream","sends_and_closes"): (S+"http_server","sends_and_closes"),
    (S+"upstream","sends_and_resets"): (S+"http_server","sends_and_resets"),
    (S+"recorder","Recorder"): (S+"http_server","StubServer"),
    (S+"measures","Books"): (S+"emf","MetricsLog"),
    (S+"measures","NotEmf"): (S+"emf","NotEmf"),
    (S+"measures","check"): (S+"emf","check"),
    (S+"measures","read"): (S+"emf","read"),
    (S+"measures","published"): (S+"emf","published"),
    (S+"lambda_runtime","Lambda"): (S+"lambda_process","LambdaProcess"),
    ("tests.faults.lambda_process","LambdaProcess"): (S+"lambda_process","LambdaProcess"),
    ("tests.faults.proxy","closed_port"): (S+"ports","closed_port"),
    ("tests.faults.proxy","full_backlog"): (S+"ports","full_backlog"),
    (S+"json_test_suite","cases"): (S+"vectors","json_test_suite"),
    (S+"json_test_suite","REFUSED_AT_WILL"): (S+"vectors","REFUSED_AT_WILL"),
    ("tests.api_gateway.door","SimulatorDoor"): ("tests.api_gateway.simulator","SimulatorClient"),
    ("tests.api_gateway.door","PackagedDoor"): ("tests.api_gateway.simulator","PackagedClient"),
    ("tests.api_gateway.template","template_of"): ("tests.api_gateway.definition","template_of"),
    ("tests.api_gateway.template","packaged_template_of"): ("tests.api_gateway.definition","packaged_template_of"),
    ("tests.api_gateway.template","functions_of"): ("tests.api_gateway.definition","functions_of"),
    ("tests.faults.ways","WAYS"): ("tests.faults.clients","CLIENTS"),
    ("tests.faults.ways","WITHOUT_LIMITS"): ("tests.faults.clients","WITHOUT_LIMITS"),
    ("tests.faults.ways","UncertainDoor"): ("tests.faults.clients","UnverifiedClient"),
    ("tests.faults.ways","SageMaker"): ("tests.faults.clients","SageMaker"),
}
WHOLE = {S+"lambda_runtime": S+"lambda_process", S+"measures": S+"emf", "tests.faults.naive": "tests.faults.baseline"}
IMPORT = re.compile(r"^([ ]*)from (tests[\w.]*) import (\([^)]*\)|[^\n(]+)$", re.M)
for path in map(pathlib.Path, sys.argv[1:]):
    text = path.read_text()
    renamed = {}
    def replace(m):
        indent, module, names = m.groups()
        comment = ""
        names = [n.strip() for n in names.strip("()").replace("\n"," ").split(",") if n.strip()]
        by = {}
        for n in names:
            if " as " in n or n.startswith("#"):
                return m.group(0)
            new_module, new = MOVED.get((module,n), (WHOLE.get(module,module), n))
            if new != n: renamed[n] = new
            by.setdefault(new_module, []).append(new)
        return "\n".join(f"{indent}from {mod} import {', '.join(ns)}" for mod, ns in by.items())
    new = IMPORT.sub(replace, text)
    for old, n in renamed.items():
        if old in {"event", "house"}:
            new = re.sub(rf"(?<!def )(?<![\w.\"'/]){old}\(", f"{n}(", new)
            new = re.sub(rf"partial\({old}\b", f"partial({n}", new)
            continue
        new = re.sub(rf"(?<![\w.\"'/]){old}(?![\w\"'])(?!=[^=])", n, new)
    if "BuiltGateway" in new or "build_gateway" in new or "LambdaClient" in new or "SimulatorClient" in new or ".door." in new:
        new = re.sub(r"\.door\b", ".client", new)
    if new != text:
        path.write_text(new)
        print(path)
