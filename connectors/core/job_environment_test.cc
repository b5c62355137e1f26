#include "connectors/core/job_environment.h"

#include <gtest/gtest.h>

#include <map>

namespace bourse::connector {
namespace {

TEST(JobEnvironment, AnElementKnowsItsPlaceAsSchedulersSayIt) {
  federation::v1::DispatchOrder order;
  EXPECT_TRUE(variables_of(order).empty());
  federation::v1::ArrayElement& element = *order.mutable_array();
  element.set_array("job_06A"), element.set_index(7), element.set_count(5), element.set_least(1), element.set_most(9), element.set_step(2);
  SubmitRequest request;
  request.marker = "bourse-a-1", request.workdir = "/w", request.variables = variables_of(order);
  std::map<std::string, std::string> set;
  for (const auto& [name, value] : job_environment(request)) EXPECT_TRUE(set.emplace(name, value).second) << name << " twice";
  EXPECT_EQ(set["SLURM_ARRAY_JOB_ID"], "job_06A");
  EXPECT_EQ(set["SLURM_ARRAY_TASK_ID"], "7");
  EXPECT_EQ(set["SLURM_ARRAY_TASK_COUNT"], "5");
  EXPECT_EQ(set["SLURM_ARRAY_TASK_MIN"], "1");
  EXPECT_EQ(set["SLURM_ARRAY_TASK_MAX"], "9");
  EXPECT_EQ(set["SLURM_ARRAY_TASK_STEP"], "2");
  EXPECT_EQ(set["LSB_JOBINDEX"], "7");
  EXPECT_EQ(set["BOURSE_ARRAY_ID"], "job_06A");
  EXPECT_EQ(set["BOURSE_ARRAY_INDEX"], "7");
  EXPECT_EQ(set["BOURSE_JOB_ID"], "bourse-a-1");
}

}  // namespace
}  // namespace bourse::connector
