"""The test of the test: each rule must find its violation in a small tree made for it, and nothing in a clean one."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules  # noqa: E402
import source  # noqa: E402
import tidy  # noqa: E402

CLEAN = {
    "base/README.md": "# Base\n",
    "base/time.h": "// Time.\n#pragma once\n#include <cstdint>\n",
    "base/time.cc": '#include "base/time.h"\nlong now() { return std::chrono::system_clock::now().count(); }\n',
    "base/sha256.cc": "#include <openssl/sha.h>\n",
    "pricing/README.md": "# Pricing\n",
    "pricing/rating.h": '// Not double: "double" in words is fine.\n#pragma once\n#include "base/time.h"\n#include <absl/container/flat_hash_map.h>\n',
    "broker/domain/README.md": "# Domain\n",
    "broker/domain/job.h": '#pragma once\n#include "pricing/rating.h"\n#include "ledger/domain/ledger.h"\n',
    "broker/adapters/README.md": "# Adapters\n",
    "broker/adapters/store.cc": '#include "broker/app/engine.h"\n#include <pqxx/pqxx>\n#include "bourse/market/v1/market.pb.h"\n',
    "gateway/README.md": "# Gateway\n",
    "gateway/http/README.md": "# HTTP\n",
    "gateway/http/json.h": '#pragma once\n#include "base/time.h"\n#include "gateway/sso/provider.h"\n#include <nlohmann/json.hpp>\n',
    "gateway/daemon/README.md": "# Daemon\n",
    "gateway/daemon/gateway_main.cc": '#include "gateway/http/json.h"\n',
    "cli/README.md": "# CLI\n",
    "cli/bourse_main.cc": '#include "broker/domain/job.h"\n#include "gateway/http/json.h"\n',
}


def long_function(lines):
    return "int f(int a,\n      int b) {\n" + "  a += b;\n" * lines + "  return a;\n}\n"


# name: (rule, path, text). Words are assembled so that the real tree's check does not find them here.
VIOLATIONS = {
    "base looks up": ("layer", "base/id.cc", '#include "pricing/rating.h"\n'),
    "domain looks up": ("layer", "broker/domain/market.cc", '#include "broker/app/engine.h"\n'),
    "ledger knows prices": ("layer", "ledger/domain/ledger.cc", '#include "pricing/rating.h"\n'),
    "ledger knows jobs": ("layer", "ledger/domain/ledger.cc", '#include "broker/domain/job.h"\n'),
    "app knows its adapter": ("layer", "broker/app/engine.cc", '#include "broker/adapters/store/pg.h"\n'),
    "gateway knows the engine": ("layer", "gateway/api/trade.cc", '#include "broker/domain/job.h"\n'),
    "gateway knows its daemon": ("layer", "gateway/http/server.cc", '#include "gateway/daemon/settings.h"\n'),
    "connector knows the broker": ("layer", "connectors/slurm/driver.cc", '#include "broker/app/engine.h"\n'),
    "protobuf in the domain": ("layer", "broker/domain/job.h", '#pragma once\n#include "bourse/market/v1/market.pb.h"\n'),
    "protobuf's own header": ("layer", "pricing/rating.cc", "#include <google/protobuf/message.h>\n"),
    "JSON in the engine": ("layer", "broker/app/engine.cc", "#include <nlohmann/json.hpp>\n"),
    "SQL in the ledger": ("layer", "ledger/domain/ledger.cc", "#include <pqxx/pqxx>\n"),
    "gRPC in base": ("layer", "base/time.cc", "#include <grpcpp/grpcpp.h>\n"),
    "Boost in pricing": ("layer", "pricing/rating.h", "#pragma once\n#include <boost/asio.hpp>\n"),
    "OpenSSL beside sha256": ("layer", "base/id.cc", "#include <openssl/evp.h>\n"),
    "the wall clock": ("clock", "broker/adapters/store.cc", "auto t = std::chrono::system_clock::now();\n"),
    "a steady clock": ("clock", "gateway/http/server.cc", "auto t = std::chrono::steady_clock::now();\n"),
    "time of C": ("clock", "connectors/core/link.cc", "long t = time(nullptr);\n"),
    "rand": ("clock", "broker/app/engine.cc", "int r = rand();\n"),
    "a random device": ("clock", "cli/login.cc", "std::random_device seed;\n"),
    "a sleep": ("clock", "connectors/core/link.cc", "std::this_thread::sleep_for(1s);\n"),
    "a sleep of POSIX": ("clock", "connectors/core/link.cc", "  usleep(1000);\n"),
    "a shell": ("shell", "connectors/slurm/driver.cc", '  system("sbatch job.sh");\n'),
    "a pipe to a shell": ("shell", "connectors/slurm/driver.cc", '  FILE* f = popen("squeue", "r");\n'),
    "a detached thread": ("detached", "gateway/http/server.cc", "std::thread(run).detach();\n"),
    "double in the ledger": ("floating", "ledger/domain/ledger.cc", "double balance = 0;\n"),
    "float in routing": ("floating", "broker/domain/routing/router.cc", "float score = 0;\n"),
    "double in pricing": ("floating", "pricing/rating.h", "#pragma once\nstruct Rate { double price; };\n"),
    "double in base": ("floating", "base/amount.h", "#pragma once\ndouble to_double(long micros);\n"),
    "a long file": ("size", "gateway/http/server.cc", "int x;\n" * (rules.MAX_FILE_LINES + 1)),
    "a long Python file": ("size", "tests/demo/story.py", "x = 1\n" * (rules.MAX_FILE_LINES + 1)),
    "a long function": ("size", "gateway/http/server.cc", long_function(rules.MAX_FUNCTION_LINES)),
    "a long method": ("size", "gateway/http/server.h", "#pragma once\nclass A {\n  void f() {\n" + "    x();\n" * 71 + "  }\n};\n"),
    "a long test": ("size", "gateway/http/server_test.cc", "TEST(A, B) {\n" + "  x();\n" * 71 + "}\n"),
    "a long def": ("size", "tests/demo/story.py", "def f():\n" + "    x = 1\n" * 71),
    "a vague class": ("vague", "broker/app/jobs.h", "#pragma once\nclass Job" + "Manager {};\n"),
    "a vague struct": ("vague", "broker/app/jobs.h", "#pragma once\nstruct Json" + "Helper {};\n"),
    "a vague file": ("vague", "gateway/http/string_" + "util.cc", "int x;\n"),
    "a vague folder's file": ("vague", "base/" + "common.h", "#pragma once\n"),
    "a header twice": ("pragma", "base/id.h", "int x;\n"),
    "our machine": ("machine", "docs/HACKING.md", "see " + rules.OUR_MACHINE[0] + "/base\n"),
    **{f"the word {n}": ("words", "docs/notes.md", f"# {word}: later\n") for n, word in enumerate(rules.FORBIDDEN_WORDS)},
}

ALLOWED = {
    "a clock in a test": ("gateway/http/server_test.cc", "auto t = std::chrono::steady_clock::now();\n"),
    "a clock in a contract test": ("broker/adapters/store/contract/world.cc", "auto t = std::chrono::system_clock::now();\n"),
    "a shell in a test": ("ledger/export_test.cc", '  std::system("hledger check");\n'),
    "a clock with a reason": ("gateway/http/server.cc", "// tidy: allow clock, gRPC takes deadlines in its own clock\nauto t = std::chrono::system_clock::now();\n"),
    "a clock in words": ("gateway/http/server.cc", '// not system_clock::now()\nauto t = "time(nullptr)";\n'),
    "a member named time": ("gateway/http/server.cc", "auto t = request.time();\nauto u = next_time(0);\n"),
    "double in a benchmark": ("pricing/rating_bench.cc", "double rate = 0;\n"),
    "double in the gateway": ("gateway/http/metrics.cc", "double rate = 0;\n"),
    "a double word": ("ledger/domain/ledger.cc", "// double entry\nint double_entry;\n"),
    "a full file": ("gateway/http/server.cc", "int x;\n" * rules.MAX_FILE_LINES),
    "a full function": ("gateway/http/server.cc", long_function(rules.MAX_FUNCTION_LINES - 4)),
    "a long table": ("gateway/http/table.cc", "const int kTable[] = {\n" + "    1,\n" * 100 + "};\n"),
    "a long namespace": ("gateway/http/names.cc", "namespace bourse {\nvoid f() {\n}\n" + "int x;\n" * 100 + "}\n"),
    "a system in a name": ("gateway/http/system.cc", "SystemClock system_clock(int);\nfile_system(a);\n"),
    "a community": ("gateway/http/community.cc", "struct Utility {};\nstruct Commonality {};\n"),
    "wiring sees everything": ("broker/daemon/broker_main.cc", '#include "broker/adapters/store/pg.h"\n#include "broker/app/engine.h"\n'),
    "tests see everything": ("tests/integration/kill.cc", '#include "broker/daemon/settings.h"\n#include "cli/client/client.h"\n'),
}


def tree_of(files):
    root = tempfile.TemporaryDirectory(prefix="tidy-")
    for path, text in files.items():
        os.makedirs(os.path.dirname(f"{root.name}/{path}"), exist_ok=True)
        with open(f"{root.name}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
    return root


class TidyTest(unittest.TestCase):
    def problems(self, extra):
        with tree_of(CLEAN | extra) as root:
            return [p for p in tidy.check_tree(root) if p[2] != "readme"]

    def test_a_clean_tree_is_tidy(self):
        with tree_of(CLEAN) as root:
            self.assertEqual(tidy.check_tree(root), [])
            self.assertEqual(tidy.main(["tidy", root]), 0)

    def test_each_violation_is_found(self):
        for name, (rule, path, text) in VIOLATIONS.items():
            with self.subTest(name):
                found = self.problems({path: text})
                self.assertEqual([(p[0], p[2]) for p in found], [(path, rule)], found)
                self.assertGreater(found[0][1], 0)

    def test_every_rule_has_a_violation(self):
        self.assertEqual({rule.__name__ for rule in rules.FILE_RULES}, {v[0] for v in VIOLATIONS.values()})

    def test_what_is_allowed_is_not_found(self):
        for name, (path, text) in ALLOWED.items():
            with self.subTest(name):
                self.assertEqual(self.problems({path: text}), [])

    def test_a_module_needs_a_readme(self):
        with tree_of(CLEAN | {"ledger/domain/ledger.cc": "int x;\n"}) as root:
            self.assertEqual([(p[0], p[2]) for p in tidy.check_tree(root)], [("ledger/domain", "readme")])
            self.assertEqual(tidy.main(["tidy", root]), 1)
        with tree_of(CLEAN | {"gateway/sso/sso.cc": "int x;\n", "gateway/sso/CMakeLists.txt": "\n"}) as root:
            self.assertEqual([(p[0], p[2]) for p in tidy.check_tree(root)], [("gateway/sso", "readme")])

    def test_a_test_that_no_list_names_is_found(self):
        lists = {"tests/a/CMakeLists.txt": "bourse_test(a SOURCES one_test.cc)\n", "tests/a/one_test.cc": "int x;\n"}
        self.assertEqual(self.problems(lists), [])
        self.assertEqual([(p[0], p[2]) for p in self.problems(lists | {"tests/a/two_test.cc": "int x;\n"})], [("tests/a/two_test.cc", "unbuilt")])

    def test_what_is_not_ours_is_not_read(self):
        word = rules.FORBIDDEN_WORDS[0]
        skipped = {f"build/x.cc": word, "web/node_modules/x.ts": word, ".run/x.md": word, "base/x.pb.h": word}
        self.assertEqual(self.problems(skipped), [])

    def test_functions_are_found_with_their_length(self):
        code = "namespace a {\nint f() {\n  if (x) {\n    y();\n  }\n}\nint g() { return 1; }\nvoid h(int a,\n       int b) {\n}\n}\n"
        self.assertEqual(list(source.functions(code)), [(2, 5), (8, 3)])


if __name__ == "__main__":
    unittest.main()
