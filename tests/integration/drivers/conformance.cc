// The suite of connectors/conformance, a test for each check.
#include <ostream>

#include "connectors/conformance/check.h"
#include "connectors/conformance/report.h"
#include "tests/integration/drivers/harness.h"

namespace bourse::conformance {

void PrintTo(const Check& check, std::ostream* out) { *out << check.name; }

}  // namespace bourse::conformance

namespace bourse::test {
namespace {

using conformance::Check;
using conformance::Verdict;

class Conformance : public DriverTest, public ::testing::WithParamInterface<Check> {};

TEST_P(Conformance, Holds) {
  const conformance::Finding finding = bench().judge(GetParam());
  // Neither a SCOW adapter's interface nor Kubernetes has a pause; the check proves that the driver says so and that the run goes on.
  const bool can = !((is_scow() || is_kubernetes()) && GetParam().name == "pause");
  EXPECT_EQ(finding.verdict, can ? Verdict::passed : Verdict::not_supported) << to_text(finding);
  EXPECT_TRUE(finding.notes.empty()) << to_text(finding);
  EXPECT_TRUE(bench().left().empty()) << bench().left().front();
}

std::string test_name(const ::testing::TestParamInfo<Check>& info) {
  std::string name(info.param.name);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Driver, Conformance, ::testing::ValuesIn(conformance::checks().begin(), conformance::checks().end()), test_name);

// What the suite leaves open, for schedulers of centers: ours must tell it.
class Memory : public DriverTest {};

TEST_F(Memory, IsToldUnlessTheAdapterIsCranes) {
  const auto over = wait_over(submit(request("#!/bin/sh\nexit 0\n")));
  EXPECT_EQ(over.allocation.mem_mib, driver().capabilities().version.contains("Crane") ? 0 : 200);
}

}  // namespace
}  // namespace bourse::test
