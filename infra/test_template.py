"""Holds infra/template.yaml, as it is translated, against the repository: its functions, their binaries, events and
policies, the names in the environment, the schedules. What a linter sees is left to the linters.

    scripts/check-infra           makes the environment this needs, and runs it with them
    TEMPLATE=FILE python infra/test_template.py

Never calls AWS.
"""

import json
import os
import re
import sys
import tomllib
import unittest
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

sys.path.insert(0, str(Path(__file__).resolve().parent))

import translate

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(os.environ.get("TEMPLATE", ROOT / "infra" / "template.yaml"))
SOURCE = translate.source(TEMPLATE)
TRANSLATED = translate.translated(TEMPLATE)
RESOURCES = TRANSLATED["Resources"]
FOLDERS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir())
# What nobody calls: the table's stream hands it what is committed, and its schedule comes each minute.
REACTS = ["react"]
SCHEDULED = [folder for folder in FOLDERS
             if folder not in REACTS and (ROOT / "events" / f"{folder}.schedule.json").exists()]
# Those whose callers wait for thousands of rows.
LONG = {"import"}
SWEEPS = ["evaluate-tier", "expire-points"]  # daily

# What a function may do to the table: read, and then nothing, add, or change; only what settles a month walks over
# all members. Which of these each may follows from the table of functions (infra/src/functions.rs), and that it is
# enough is tested with every route (tests/all/template.rs).
READS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
PUTS = READS | {"dynamodb:PutItem"}
CHECKS = PUTS | {"dynamodb:ConditionCheckItem"}
SETTLES = CHECKS | {"dynamodb:DeleteItem"}
POLICIES = [READS, PUTS, CHECKS, SETTLES]
WALKS = {folder: SETTLES | {"dynamodb:Scan"} for folder in ("settle", "referrals")}

# Where the code of the Lambda binaries reads its environment, and what it reads there for tests alone.
READERS = ["shared/lambda/src", "shared/store-dynamodb/src", *(f"functions/{folder}/src" for folder in FOLDERS)]
FOR_TESTS = {"LAUREL_DYNAMODB_LOCAL", "LAUREL_ENDPOINT", "LAUREL_LOCAL_WEBHOOKS", "LAUREL_MASTER_KEY", "LAUREL_TEST_CLOCK"}

# The stack's table, or the restored one in its place.
TABLE_ARN = {"Fn::If": ["Restored", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
                                     "${RestoredTable}"}, {"Fn::GetAtt": ["Table", "Arn"]}]}
STREAM_ARN = {"Fn::If": ["Restored", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
                                      "${RestoredTable}/stream/${RestoredStream}"}, {"Fn::GetAtt": ["Table", "StreamArn"]}]}
ANY_STREAM_ARN = {"Fn::If": ["Restored", {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:"
                                          "table/${RestoredTable}/stream/*"},
                             {"Fn::Sub": "${Table.Arn}/stream/*"}]}
TABLE_NAME = {"Fn::If": ["Restored", {"Ref": "RestoredTable"}, {"Ref": "Table"}]}


def of_type(kind: str) -> dict:
    """The translated resources of that type, by name."""
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


def logical(folder: str) -> str:
    """The name of a function's resource: EarnPoints of earn-points."""
    return "".join(word.capitalize() for word in folder.split("-"))


def get(name: str, attribute: str = "Arn") -> dict:
    return {"Fn::GetAtt": [name, attribute]}


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def strings(value):
    """Every text within a value, names of fields left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


# AWS's cron has six fields, and exactly one of the two for days is `?`.
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()
FIELDS = [("minute", 0, 59, []), ("hour", 0, 23, []), ("day", 1, 31, []), ("month", 1, 12, MONTHS),
          ("weekday", 1, 7, DAYS), ("year", 1970, 2199, [])]


def cron(expression: str) -> dict[str, set[int] | None]:
    """What each field of the expression stands for; None for `?`. Raises ValueError where AWS would refuse it.
    `L`, `W` and `#` are not used here and not understood."""
    found = re.fullmatch(r"cron\((.*)\)", expression)
    parts = found[1].split(" ") if found else []
    if len(parts) != len(FIELDS):
        raise ValueError(f"{expression}: cron(minute hour day month weekday year) is wanted")
    read = {}
    for (name, least, most, words), part in zip(FIELDS, parts):
        def number(text: str) -> int:
            value = words.index(text.upper()) + least if text.upper() in words else int(text)
            if not least <= value <= most:
                raise ValueError(f"{expression}: {name} {text} is not within {least} to {most}")
            return value

        if part == "?":
            if name not in ("day", "weekday"):
                raise ValueError(f"{expression}: {name} cannot be ?")
            read[name] = None
            continue
        values = set()
        for item in part.split(","):
            span, _, step = item.partition("/")
            if "/" in item and int(step) < 1:
                raise ValueError(f"{expression}: a step of {step}")
            first, dash, last = span.partition("-")
            if span == "*":
                bounds = (least, most)
            elif dash:
                bounds = (number(first), number(last))
            else:
                bounds = (number(span), most if "/" in item else number(span))
            if bounds[0] > bounds[1]:
                raise ValueError(f"{expression}: {span} runs backwards")
            values.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
        read[name] = values
    if (read["day"] is None) == (read["weekday"] is None):
        raise ValueError(f"{expression}: either day or weekday is ?")
    return read


def daily(fields: dict) -> bool:
    """Whether it comes at least once on each day."""
    days = fields["day"] == set(range(1, 32)) or fields["weekday"] == set(range(1, 8))
    return days and fields["month"] == set(range(1, 13)) and fields["year"] == set(range(1970, 2200))


def holds(condition, parameters: dict) -> bool:
    """Whether a condition of the template holds with these parameters; the others as they are unless given."""
    def value(of):
        if not isinstance(of, dict):
            return str(of)
        return str(parameters.get(of["Ref"], TRANSLATED["Parameters"][of["Ref"]].get("Default")))

    if condition is None:
        return True
    if isinstance(condition, str):
        return holds(TRANSLATED["Conditions"][condition], parameters)
    (word, rest), = condition.items()
    if word == "Fn::Equals":
        return value(rest[0]) == value(rest[1])
    if word == "Fn::Not":
        return not holds(rest[0], parameters)
    raise ValueError(f"{word} is not used here and not understood")


class Itself(unittest.TestCase):
    """What this file reads with."""

    def test_cron(self):
        for good in ["0 0 1 1 ? *", "0/15 * * * ? *", "0 8-17 ? * MON-FRI *", "5,35 14 * JAN ? 2026-2030"]:
            cron(f"cron({good})")
        bad = ["0 0 1 1 *", "0 0 1 1 * *", "0 0 ? 1 ? *", "60 0 1 1 ? *", "0 24 1 1 ? *", "0 0 0 1 ? *", "0 0 1 13 ? *",
               "0 0 ? * 8 *", "0 0 1 1 ? 1969", "0 0 1 ? ? *", "a 0 1 1 ? *", "0/0 0 1 1 ? *", "0 5-3 * * ? *", "0  0 1 1 ? *"]
        for text in bad:
            with self.subTest(text), self.assertRaises(ValueError):
                cron(f"cron({text})")


class Functions(unittest.TestCase):
    def assert_same(self, there, wanted, to_do: str):
        """Tells the names on one side alone, and what to do."""
        there, wanted = set(there), set(wanted)
        missing, more = wanted - there, there - wanted
        if missing or more:
            self.fail(f"missing: {sorted(missing) or 'nothing'}; too many: {sorted(more) or 'nothing'}. Wanted: {to_do}")

    def functions(self) -> list:
        """Each function's folder, name and properties."""
        return [(folder, logical(folder), RESOURCES[logical(folder)]["Properties"]) for folder in FOLDERS]

    def test_each_folder_is_a_function_and_each_function_a_folder(self):
        self.assert_same(of_type("AWS::Lambda::Function"), map(logical, FOLDERS),
                         "a row in infra/src/functions.rs for each folder of functions/, then write the template anew")

    def test_each_has_its_folder_and_its_binary(self):
        mains = [folder for folder in FOLDERS if (ROOT / "functions" / folder / "src/main.rs").exists()]
        self.assertIn(mains, ([], FOLDERS), "some have a main.rs and some have none")
        for folder, name, properties in self.functions():
            with self.subTest(folder):
                source = SOURCE["Resources"][name]
                self.assertEqual(source["Properties"]["CodeUri"], f"../functions/{folder}")
                built = {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": folder}}
                self.assertEqual(source["Metadata"], built)
                manifest = tomllib.loads((ROOT / "functions" / folder / "Cargo.toml").read_text(encoding="utf-8"))
                binaries = [binary["name"] for binary in manifest.get("bin", [])] or [manifest["package"]["name"]]
                self.assertEqual(binaries, [folder])
                self.assertEqual(properties["Handler"], "bootstrap")
                self.assertEqual(properties["Runtime"], "provided.al2023")
                self.assertEqual(properties["Architectures"], [{"Ref": "Architecture"}])
                self.assertEqual(properties["TracingConfig"], {"Mode": {"Ref": "Tracing"}})

    def test_sam_builds_them_with_the_features_they_need(self):
        # sam build hands no features on; what cargo lambda takes without being told stands in the workspace.
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
        given = set(workspace.get("metadata", {}).get("lambda", {}).get("build", {}).get("features", []))
        needed = set()
        for folder in FOLDERS:
            manifest = tomllib.loads((ROOT / "functions" / folder / "Cargo.toml").read_text(encoding="utf-8"))
            needed.update(*(binary.get("required-features", []) for binary in manifest.get("bin", [])))
        self.assertEqual(given, needed, "[workspace.metadata.lambda.build] features, in Cargo.toml")

    def test_each_has_its_events(self):
        for folder, _, _ in self.functions():
            with self.subTest(folder):
                def event(kind):
                    return json.loads((ROOT / "events" / f"{folder}{kind}.json").read_text(encoding="utf-8"))

                if folder in REACTS:
                    self.assertEqual({record["eventSource"] for record in event("")["Records"]}, {"aws:dynamodb"})
                    self.assertEqual(list(event(".schedule")), ["as_of"])
                    continue
                for kind in ("", ".bad", ".base64"):
                    self.assertEqual(event(kind)["version"], "2.0")
                    self.assertRegex(event(kind)["rawPath"], f"^/{folder}(/|$)")
                self.assertTrue(event(".base64")["isBase64Encoded"])
                if folder in SCHEDULED:
                    self.assertEqual(next(iter(event(".schedule"))), "as_of")

    def test_each_has_a_url_that_authenticates_within(self):
        urls = {resource["Properties"]["TargetFunctionArn"]["Ref"]: resource["Properties"]
                for resource in of_type("AWS::Lambda::Url").values()}
        self.assertEqual(len(urls), len(of_type("AWS::Lambda::Url")))
        for folder, name, _ in self.functions():
            with self.subTest(folder):
                if folder in REACTS:
                    self.assertNotIn(name, urls)
                    continue
                self.assertEqual(urls.get(name), {"TargetFunctionArn": {"Ref": name}, "AuthType": "NONE"})
                self.assertEqual(TRANSLATED["Outputs"][f"{name}Url"]["Value"], get(f"{name}Url", "FunctionUrl"))

    def test_nothing_may_be_called_but_through_a_url(self):
        for name, resource in of_type("AWS::Lambda::Permission").items():
            with self.subTest(name):
                properties = resource["Properties"]
                bound = {"lambda:InvokeFunctionUrl": ("FunctionUrlAuthType", "NONE"),
                         "lambda:InvokeFunction": ("InvokedViaFunctionUrl", True)}
                key, value = bound[properties["Action"]]
                self.assertEqual(properties[key], value)

    def test_each_has_its_log(self):
        for folder, name, properties in self.functions():
            with self.subTest(folder):
                self.assertEqual(properties["LoggingConfig"], {"LogGroup": {"Ref": f"{name}Logs"}})
                group = RESOURCES[f"{name}Logs"]["Properties"]
                self.assertEqual(group["RetentionInDays"], {"Ref": "LogRetentionDays"})
                self.assertEqual(group["LogGroupName"], {"Fn::Sub": f"/laurel/${{AWS::StackName}}/{folder}"})

    def test_the_environment_is_what_the_code_reads(self):
        read = set()
        for folder in READERS:
            for file in (ROOT / folder).rglob("*.rs"):
                read |= set(re.findall(r'"(LAUREL_[A-Z_]+)"', file.read_text(encoding="utf-8")))
        if not read:
            self.skipTest("no Lambda code reads an environment yet")
        for folder, _, properties in self.functions():
            with self.subTest(folder):
                self.assert_same(properties["Environment"]["Variables"], read - FOR_TESTS,
                                 "what shared/lambda reads is set in infra/src, or is one of FOR_TESTS here")

    def test_the_environment_means_what_it_says(self):
        meant = {"LAUREL_TABLE": TABLE_NAME, "LAUREL_MASTER_KEY_SECRET": {"Ref": "MasterKey"},
                 "LAUREL_CORS_ORIGINS": {"Ref": "CorsOrigins"}, "LAUREL_RATE_LIMIT": {"Ref": "RateLimit"},
                 "LAUREL_LOG": {"Ref": "LogLevel"}}
        for folder, _, properties in self.functions():
            with self.subTest(folder):
                self.assertEqual(properties["Environment"]["Variables"], meant)

    def test_only_what_is_scheduled_has_reserved_executions_and_time(self):
        for folder, _, properties in self.functions():
            with self.subTest(folder):
                reserved = properties.get("ReservedConcurrentExecutions")
                if folder in SCHEDULED:
                    self.assertEqual(reserved, {"Fn::If": ["Reserved", {"Ref": "SweepConcurrency"}, {"Ref": "AWS::NoValue"}]})
                    self.assertEqual(properties["Timeout"], 900)
                else:
                    self.assertIsNone(reserved)
                    if folder in LONG:
                        self.assertEqual(properties["Timeout"], 900)
                    elif folder in REACTS:
                        # What waits is worked off for 50 seconds, and the last receiver has 15.
                        self.assertEqual(properties["Timeout"], 90)
                    else:
                        self.assertLessEqual(properties["Timeout"], 30)


class Policies(unittest.TestCase):
    def test_each_function_has_a_role_of_its_own(self):
        used = [function["Properties"]["Role"] for function in of_type("AWS::Lambda::Function").values()]
        self.assertEqual(used, [get(f"{name}Role") for name in of_type("AWS::Lambda::Function")])
        self.assertEqual(sorted(of_type("AWS::IAM::Role")), sorted([*(f"{logical(f)}Role" for f in FOLDERS), "SchedulerRole"]))
        others = {kind for kind in (r["Type"] for r in RESOURCES.values()) if kind.startswith("AWS::IAM::")}
        self.assertEqual(others, {"AWS::IAM::Role"})

    def test_a_function_may_use_the_table_the_key_and_its_log_and_no_more(self):
        for folder in FOLDERS:
            name = logical(folder)
            with self.subTest(folder):
                role = RESOURCES[f"{name}Role"]["Properties"]
                allowed = []
                for policy in role["Policies"]:
                    for statement in policy["PolicyDocument"]["Statement"]:
                        self.assertEqual(set(statement), {"Effect", "Action", "Resource"})
                        self.assertEqual(statement["Effect"], "Allow")
                        allowed.append((set(listed(statement["Action"])), statement["Resource"]))
                self.assertIn(allowed[0][0], [WALKS[folder]] if folder in WALKS else POLICIES)
                wanted = [(allowed[0][0], TABLE_ARN),
                          ({"secretsmanager:GetSecretValue"}, {"Ref": "MasterKey"}),
                          ({"logs:CreateLogStream", "logs:PutLogEvents"}, get(f"{name}Logs"))]
                if folder in SCHEDULED:
                    wanted.insert(2, ({"sqs:SendMessage"}, get("SweepFailures")))
                if folder in REACTS:
                    reads = {f"dynamodb:{action}" for action in
                             ("DescribeStream", "GetRecords", "GetShardIterator")}
                    wanted[2:2] = [(reads, STREAM_ARN), ({"dynamodb:ListStreams"}, ANY_STREAM_ARN),
                                   ({"sqs:SendMessage"}, get("StreamFailures"))]
                self.assertEqual(allowed, wanted)

    def test_roles_are_taken_by_their_service_alone(self):
        for name, role in of_type("AWS::IAM::Role").items():
            with self.subTest(name):
                service = "scheduler" if name == "SchedulerRole" else "lambda"
                statement, = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
                self.assertEqual(statement["Principal"], {"Service": f"{service}.amazonaws.com"})
                self.assertEqual(statement["Action"], "sts:AssumeRole")

    def test_there_is_no_wildcard(self):
        for name, role in of_type("AWS::IAM::Role").items():
            with self.subTest(name):
                for text in strings(role["Properties"]):
                    # A table's streams are listed by what matches all of them, as AWS documents it.
                    self.assertNotIn("*", text.removesuffix("/stream/*"))

    def test_x_ray_is_the_one_policy_of_aws_and_a_switch(self):
        # Its actions know no resources: whatever allows them allows them on everything.
        arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"}
        wanted = {"Fn::If": ["Traced", [arn], {"Ref": "AWS::NoValue"}]}
        for name, role in of_type("AWS::IAM::Role").items():
            with self.subTest(name):
                managed = role["Properties"].get("ManagedPolicyArns")
                self.assertEqual(managed, None if name == "SchedulerRole" else wanted)
        self.assertEqual(TRANSLATED["Conditions"]["Traced"], {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]})
        self.assertEqual(TRANSLATED["Parameters"]["Tracing"]["Default"], "PassThrough")

    def test_the_scheduler_calls_what_is_scheduled(self):
        statements = RESOURCES["SchedulerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        allowed = {statement["Action"]: listed(statement["Resource"]) for statement in statements}
        targets = [get(logical(folder)) for folder in SCHEDULED + REACTS]
        self.assertEqual(allowed, {"lambda:InvokeFunction": targets, "sqs:SendMessage": [get("ScheduleFailures")]})


class Schedules(unittest.TestCase):
    def expression(self, schedule: dict) -> str:
        text = schedule["ScheduleExpression"]
        return text if isinstance(text, str) else TRANSLATED["Parameters"][text["Ref"]]["Default"]

    def schedules(self) -> list:
        return [resource["Properties"] for resource in of_type("AWS::Scheduler::Schedule").values()]

    def event(self, schedule: dict, parts: int) -> dict:
        """What the schedule sends, with so many parts."""
        text = schedule["Target"]["Input"]
        if isinstance(text, dict):
            text = text["Fn::Sub"].replace("${SweepParts}", str(parts))
        return json.loads(text)

    def test_the_time_zone_is_one_and_the_programmes(self):
        zone = TRANSLATED["Parameters"]["TimeZone"]
        self.assertIn(zone["Default"], available_timezones())
        programme = json.loads((ROOT / "server/src/default-program.json").read_text(encoding="utf-8"))
        self.assertEqual(zone["Default"], programme["time_zone"])
        for known in available_timezones():
            self.assertRegex(known, zone["AllowedPattern"])
        for schedule in self.schedules():
            self.assertEqual(schedule["ScheduleExpressionTimezone"], {"Ref": "TimeZone"})

    def test_expressions_parse(self):
        for schedule in self.schedules():
            cron(self.expression(schedule))
        pattern = TRANSLATED["Parameters"]["DueSchedule"]["AllowedPattern"]
        for text in ["cron(0 4 * * ? *)", "cron(0/15 * * * ? *)"]:
            self.assertRegex(text, pattern)

    def test_the_year_ends_at_its_midnight(self):
        for name, schedule in of_type("AWS::Scheduler::Schedule").items():
            if name.startswith("YearEnd"):
                fields = cron(self.expression(schedule["Properties"]))
                first = {"minute": {0}, "hour": {0}, "day": {1}, "month": {1}, "weekday": None}
                self.assertEqual({name: fields[name] for name in first}, first)
                self.assertEqual(fields["year"], set(range(1970, 2200)))

    def test_parts_leave_nobody_out_and_meet_nobody_twice(self):
        choice = TRANSLATED["Parameters"]["SweepParts"]
        self.assertIn(choice["Default"], choice["AllowedValues"])
        for parts in choice["AllowedValues"]:
            shared = {}
            for name, schedule in of_type("AWS::Scheduler::Schedule").items():
                if holds(schedule.get("Condition"), {"SweepParts": parts}):
                    event = self.event(schedule["Properties"], parts)
                    self.assertEqual(event.get("parts", 1), parts if "parts" in event else 1)
                    shared.setdefault(name.split("Part")[0], []).append(event.get("part", 0))
            with self.subTest(parts=parts):
                whole = list(range(parts))
                self.assertEqual(shared, {"YearEnd": whole, "Due": whole, "Tiers": [0], "MonthEnd": [0], "Waiting": [0]})
        # With fewer executions than parts some would be turned away, and come late.
        self.assertGreaterEqual(TRANSLATED["Parameters"]["SweepConcurrency"]["Default"], choice["Default"])

    def test_each_sweep_comes_daily_at_an_hour_that_every_day_has(self):
        called = set()
        for schedule in self.schedules():
            fields = cron(self.expression(schedule))
            if daily(fields):
                called.add(schedule["Target"]["Arn"]["Fn::GetAtt"][0])
                self.assertTrue(fields["hour"] & set(range(4, 22)), "clocks are changed at night")
        self.assertEqual(called, {"ExpirePoints", "EvaluateTier", "React"})

    def test_the_month_is_settled_on_its_first_days(self):
        schedule = RESOURCES["MonthEnd"]["Properties"]
        self.assertEqual(schedule["Target"]["Arn"], get("Settle"))
        fields = cron(self.expression(schedule))
        self.assertEqual((fields["day"], fields["weekday"]), ({1, 2, 3}, None))
        self.assertEqual((fields["month"], fields["year"]), (set(range(1, 13)), set(range(1970, 2200))))
        self.assertTrue(fields["hour"] <= set(range(4, 22)), "clocks are changed at night")

    def test_the_logical_time_is_the_scheduled_time(self):
        for schedule in self.schedules():
            sent = self.event(schedule, 4)
            self.assertEqual(sent["as_of"], "<aws.scheduler.scheduled-time>")
            self.assertLessEqual(set(sent), {"as_of", "part", "parts"})
            self.assertEqual("part" in sent, "parts" in sent)
            folder = next(f for f in SCHEDULED + REACTS if get(logical(f)) == schedule["Target"]["Arn"])
            event = json.loads((ROOT / "events" / f"{folder}.schedule.json").read_text(encoding="utf-8"))
            self.assertIsNotNone(datetime.fromisoformat(event["as_of"]).astimezone(ZoneInfo("Asia/Shanghai")))
            self.assertEqual(list(event), list(sent))

    def test_what_the_scheduler_cannot_deliver_is_kept(self):
        self.assertEqual(len(self.schedules()), 11)
        for schedule in self.schedules():
            self.assertEqual(schedule["State"], "ENABLED")
            self.assertEqual(schedule["FlexibleTimeWindow"], {"Mode": "OFF"})
            target = schedule["Target"]
            self.assertEqual(target["RoleArn"], get("SchedulerRole"))
            self.assertEqual(target["DeadLetterConfig"], {"Arn": get("ScheduleFailures")})
            self.assertLessEqual(target["RetryPolicy"]["MaximumRetryAttempts"], 185)

    def test_what_fails_each_time_is_kept(self):
        kept = {resource["Properties"]["FunctionName"]["Ref"]: resource["Properties"]["DestinationConfig"]
                for resource in of_type("AWS::Lambda::EventInvokeConfig").values()}
        wanted = {"OnFailure": {"Destination": get("SweepFailures")}}
        self.assertEqual(kept, {logical(folder): wanted for folder in SCHEDULED})
        for name, queue in of_type("AWS::SQS::Queue").items():
            with self.subTest(name):
                self.assertTrue(queue["Properties"]["SqsManagedSseEnabled"])
                self.assertEqual(queue["Properties"]["MessageRetentionPeriod"], 14 * 86_400)


class Stream(unittest.TestCase):
    def test_what_is_committed_is_handed_over(self):
        (name, mapping), = of_type("AWS::Lambda::EventSourceMapping").items()
        self.assertEqual((name, mapping["Condition"]), ("ReactStream", "Streamed"))
        # Without what is restored, or with its stream.
        wanted = {"Fn::Or": [{"Fn::Equals": [{"Ref": "RestoredTable"}, ""]},
                             {"Fn::Not": [{"Fn::Equals": [{"Ref": "RestoredStream"}, ""]}]}]}
        self.assertEqual(TRANSLATED["Conditions"]["Streamed"], wanted)
        properties = mapping["Properties"]
        self.assertEqual((properties["FunctionName"], properties["EventSourceArn"]), ({"Ref": "React"}, STREAM_ARN))
        self.assertEqual((properties["BatchSize"], properties["StartingPosition"]), (100, "TRIM_HORIZON"))
        self.assertIs(properties["BisectBatchOnFunctionError"], True)
        self.assertEqual(properties["FunctionResponseTypes"], ["ReportBatchItemFailures"])
        self.assertEqual(properties["MaximumRecordAgeInSeconds"], 86_400)
        self.assertNotIn("MaximumRetryAttempts", properties)
        failed = {"OnFailure": {"Destination": get("StreamFailures")}}
        self.assertEqual(properties["DestinationConfig"], failed)

    def test_the_answer_is_one_the_code_gives(self):
        source = (ROOT / "shared/lambda/src/handed.rs").read_text(encoding="utf-8")
        self.assertIn('"batchItemFailures"', source)
        self.assertIn('"itemIdentifier"', source)


class Data(unittest.TestCase):
    def test_the_table_is_the_stores(self):
        (name, table), = of_type("AWS::DynamoDB::Table").items()
        self.assertEqual(name, "Table")
        properties = table["Properties"]
        kinds = {item["AttributeName"]: item["AttributeType"] for item in properties["AttributeDefinitions"]}
        self.assertEqual(kinds, {"k": "B", "s": "B"})
        keys = [(item["AttributeName"], item["KeyType"]) for item in properties["KeySchema"]]
        self.assertEqual(keys, [("k", "HASH"), ("s", "RANGE")])
        self.assertEqual(properties["BillingMode"], "PAY_PER_REQUEST")
        self.assertEqual(properties["StreamSpecification"], {"StreamViewType": "NEW_AND_OLD_IMAGES"})
        for costly in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            self.assertNotIn(costly, properties)
        # Where shared/store-dynamodb/src/item.rs writes the ends of records.
        self.assertEqual(properties["TimeToLiveSpecification"], {"AttributeName": "t", "Enabled": True})

    def test_the_table_is_hard_to_lose(self):
        properties = RESOURCES["Table"]["Properties"]
        self.assertIs(properties["DeletionProtectionEnabled"], True)
        recovery = properties["PointInTimeRecoverySpecification"]
        self.assertEqual(recovery, {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35})
        self.assertIs(properties["SSESpecification"]["SSEEnabled"], True)
        for name in ("Table", "MasterKey"):
            self.assertEqual(RESOURCES[name].get("DeletionPolicy"), "Retain")
            self.assertEqual(RESOURCES[name].get("UpdateReplacePolicy"), "Retain")

    def test_a_restored_table_takes_its_place_only_when_named(self):
        wanted = {"Fn::Not": [{"Fn::Equals": [{"Ref": "RestoredTable"}, ""]}]}
        self.assertEqual(TRANSLATED["Conditions"]["Restored"], wanted)
        self.assertEqual(TRANSLATED["Parameters"]["RestoredTable"]["Default"], "")
        self.assertEqual(TRANSLATED["Outputs"]["TableName"]["Value"], TABLE_NAME)

    def test_the_master_key_is_64_hexadecimal_digits(self):
        made = RESOURCES["MasterKey"]["Properties"]["GenerateSecretString"]
        self.assertEqual(made["PasswordLength"], 64)
        self.assertTrue(made["ExcludePunctuation"] and made["ExcludeUppercase"] and not made["IncludeSpace"])
        letters = set("abcdefghijklmnopqrstuvwxyz0123456789") - set(made["ExcludeCharacters"])
        self.assertEqual(letters, set("0123456789abcdef"))
        self.assertNotIn("SecretString", RESOURCES["MasterKey"]["Properties"])


class Alarms(unittest.TestCase):
    def alarms(self) -> set:
        found = set()
        for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
            with self.subTest(name):
                properties = alarm["Properties"]
                self.assertEqual(properties["AlarmActions"], [{"Ref": "Alarms"}])
                self.assertNotIn("ActionsEnabled", properties)
                breaching = "breaching" if properties["MetricName"] == "Invocations" else "notBreaching"
                self.assertEqual(properties["TreatMissingData"], breaching)
                over = "LessThanThreshold" if breaching == "breaching" else "GreaterThanOrEqualToThreshold"
                threshold = 10 * 60_000 if properties["MetricName"] == "IteratorAge" else 1
                self.assertEqual((properties["ComparisonOperator"], properties["Threshold"]), (over, threshold))
                dimension, *others = properties["Dimensions"]
                if dimension["Name"] == "Function":  # our own, by folder
                    # The table is what tells two stacks in one region apart; without it one's clean run
                    # would hide that the other's never ends.
                    table, part = others
                    self.assertEqual(table, {"Name": "Table", "Value": TABLE_NAME})
                    self.assertEqual(part["Name"], "Part")
                    of = (dimension["Value"], part["Value"], alarm.get("Condition"))
                    found.add((properties["Namespace"], properties["MetricName"], of))
                    continue
                self.assertEqual(others, [])
                if dimension["Name"] == "TableName":
                    self.assertEqual(dimension["Value"], TABLE_NAME)
                    found.add((properties["Namespace"], properties["MetricName"], "Table"))
                    continue
                of = dimension["Value"].get("Ref") or dimension["Value"]["Fn::GetAtt"][0]
                kinds = {"FunctionName": "Lambda::Function", "QueueName": "SQS::Queue"}
                self.assertEqual(RESOURCES[of]["Type"], f"AWS::{kinds[dimension['Name']]}")
                found.add((properties["Namespace"], properties["MetricName"], of))
        return found

    def test_there_is_one_for_each_that_can_fail(self):
        wanted = {("AWS/Lambda", metric, logical(folder)) for folder in FOLDERS
                  for metric in ("Errors", "Throttles", "Url5xxCount")
                  if folder not in REACTS or metric != "Url5xxCount"}
        wanted |= {("AWS/Lambda", "IteratorAge", logical(folder)) for folder in REACTS}
        wanted |= {("AWS/Lambda", "Invocations", logical(folder)) for folder in SWEEPS}
        # One for each part of a sweep, there when the part is: that one finishes does not hide that another never does.
        for schedule in of_type("AWS::Scheduler::Schedule").values():
            target = schedule["Properties"]["Target"]
            if target["Arn"] in [get(logical(folder)) for folder in REACTS]:
                continue
            folder = next(folder for folder in SCHEDULED if get(logical(folder)) == target["Arn"])
            text = target["Input"]
            event = json.loads(text if isinstance(text, str) else text["Fn::Sub"].replace("${SweepParts}", "4"))
            of = (folder, str(event.get("part", 0)), schedule.get("Condition"))
            wanted.add(("Laurel", "SweepUnfinished", of))
        wanted |= {("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue) for queue in of_type("AWS::SQS::Queue")}
        wanted |= {("AWS/DynamoDB", f"{what}ThrottleEvents", "Table") for what in ("Read", "Write")}
        self.assertEqual(self.alarms(), wanted)
        self.assertEqual(sorted(of_type("AWS::SQS::Queue")), ["ScheduleFailures", "StreamFailures", "SweepFailures"])

    def test_the_metric_is_one_the_code_writes(self):
        sources = [file.read_text(encoding="utf-8") for file in (ROOT / "shared/lambda/src").rglob("*.rs")]
        if not sources:
            self.skipTest("there is no Lambda code yet")
        for written in ('"Laurel"', '"SweepUnfinished"', '["Function", "Table", "Part"]'):
            self.assertTrue(any(written in source for source in sources), written)


if __name__ == "__main__":
    unittest.main()
