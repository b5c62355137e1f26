// Scripts with directives of their own, quoted and submitted: what the job is taken for, what wins, what is refused and said.
#include <gtest/gtest.h>

#include <string>

#include "base/sha256.h"
#include "broker/adapters/api/contract/market_world.h"

namespace bourse::test {
namespace {

class DirectivesOfScripts : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    user_ = sign_in("ada", "Demo University", {"user"});
    fund(user_, "1000");
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
  }

  v1::SubmitRequest asking(const std::string& script) {
    v1::SubmitRequest request;
    *request.mutable_principal() = user_;
    request.set_key(key());
    request.mutable_spec()->set_script(script);
    return request;
  }
  v1::Job submitted(const v1::SubmitRequest& request) {
    v1::Job job;
    const Answer got = call(&v1::Market::Stub::Submit, request, &job);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return job;
  }
  std::string refusal(const v1::SubmitRequest& request) {
    v1::Job job;
    const Answer got = call(&v1::Market::Stub::Submit, request, &job);
    EXPECT_EQ(got.code, "invalid_argument");
    return got.detail;
  }
  static std::string told(const google::protobuf::RepeatedPtrField<v1::DirectiveNote>& notes) {
    std::string out;
    for (const v1::DirectiveNote& note : notes) {
      EXPECT_FALSE(note.sentence().empty());
      out += std::to_string(note.line()) + " " + note.directive() + " " + note.fate() + "; ";
    }
    return out;
  }

  v1::Principal user_;
  StubCenter alpha_;
};

constexpr const char* kScript =
    "#!/bin/bash\n"
    "#SBATCH --job-name=fluid -p compute\n"
    "#SBATCH --ntasks=2 --cpus-per-task=2\n"
    "#SBATCH --mem-per-cpu=512M\n"
    "#SBATCH --time=00:10:00\n"
    "#SBATCH --wckey=wing\n"
    "#SBATCH --mail-type=END\n"
    "srun true\n";

TEST_F(DirectivesOfScripts, AreWhatTheJobIsTakenFor) {
  const v1::Job job = submitted(asking(kScript));
  EXPECT_EQ(job.name(), "fluid");
  EXPECT_EQ(job.spec().cores(), 4);
  EXPECT_EQ(job.spec().nodes(), 1);
  EXPECT_EQ(job.spec().mem_mib(), 2048);
  EXPECT_EQ(job.spec().walltime_ms(), 600'000);
  EXPECT_EQ(job.spec().project(), "wing");
  EXPECT_EQ(told(job.notes()), "2 --job-name used; 2 --partition not_needed; 3 --ntasks used; 3 --cpus-per-task used; 4 --mem-per-cpu used; 5 --time used; "
                               "6 --wckey used; 7 --mail-type not_needed; ");
  EXPECT_EQ(see(user_, job.id()).notes_size(), 0);
  // The center is given the script as it is.
  EXPECT_EQ(this->job(job.id()).spec.script, sha256(std::string_view(kScript)));
}

TEST_F(DirectivesOfScripts, AreInAQuoteAndInWhatAcceptsIt) {
  v1::QuoteRequest asked;
  *asked.mutable_principal() = user_;
  asked.set_key(key());
  asked.mutable_spec()->set_script(kScript);
  v1::QuoteReply quoted;
  const Answer got = call(&v1::Market::Stub::Quote, asked, &quoted);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_EQ(quoted.notes_size(), 8);
  ASSERT_GT(quoted.decision().plans_size(), 0);
  EXPECT_EQ(quoted.decision().plans(0).cores(), 4);
  v1::SubmitRequest accept = asking(kScript);
  accept.set_quote(quoted.quote());
  EXPECT_EQ(submitted(accept).spec().mem_mib(), 2048);
}

TEST_F(DirectivesOfScripts, LoseToTheRequest) {
  v1::SubmitRequest request = asking(kScript);
  request.mutable_spec()->set_cores(3);
  request.mutable_spec()->set_name("mine");
  request.mutable_spec()->set_walltime_ms(60'000);
  const v1::Job job = submitted(request);
  EXPECT_EQ(job.name(), "mine");
  EXPECT_EQ(job.spec().cores(), 3);
  EXPECT_EQ(job.spec().mem_mib(), 3 * 512);  // a core
  EXPECT_EQ(job.spec().walltime_ms(), 60'000);
  EXPECT_NE(told(job.notes()).find("3 --ntasks not_needed"), std::string::npos);
  // Typed options come between the two.
  v1::SubmitRequest typed = asking(kScript);
  typed.mutable_directives()->add_sbatch_options("-n1");
  typed.mutable_directives()->add_sbatch_options("--time=5");
  typed.mutable_spec()->set_walltime_ms(120'000);
  const v1::Job second = submitted(typed);
  EXPECT_EQ(second.spec().cores(), 2);
  EXPECT_EQ(second.spec().walltime_ms(), 120'000);
}

TEST_F(DirectivesOfScripts, ThatCantBeDoneAreRefusedByNameAndLine) {
  const std::string detail = refusal(asking("#!/bin/sh\n#SBATCH -n 2\n#SBATCH --licenses=a:1\n#SBATCH --dependency=afterok:7 --bogus\ntrue\n"));
  EXPECT_NE(detail.find("line 3, --licenses"), std::string::npos) << detail;
  EXPECT_NE(detail.find("line 4, --dependency"), std::string::npos) << detail;
  EXPECT_NE(detail.find("line 4, --bogus"), std::string::npos) << detail;
  v1::SubmitRequest typed = asking("#!/bin/sh\ntrue\n");
  typed.mutable_directives()->add_sbatch_options("--exclusive");
  EXPECT_NE(refusal(typed).find("option --exclusive"), std::string::npos);
  typed.mutable_directives()->add_bsub_options("-x");
  EXPECT_NE(refusal(typed).find("together"), std::string::npos);
  EXPECT_NE(refusal(asking("#!/bin/sh\r\n#SBATCH -n 2\r\n")).find("DOS"), std::string::npos);
  EXPECT_NE(refusal(asking("#!/bin/sh\n#SBATCH --time=UNLIMITED\n")).find("line 2, --time"), std::string::npos);
  std::string many = "#!/bin/sh\n";
  for (int i = 0; i < 100; ++i) many += "#SBATCH --bogus" + std::to_string(i) + "\n";
  EXPECT_NE(refusal(asking(many)).find("And 92 more."), std::string::npos);
  // Nothing of all this was a job.
  v1::ListJobsRequest list;
  *list.mutable_principal() = user_;
  v1::ListJobsReply jobs;
  ASSERT_TRUE(call(&v1::Market::Stub::ListJobs, list, &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
}

TEST_F(DirectivesOfScripts, MayBeLeftOutOnPurpose) {
  v1::SubmitRequest unknown = asking("#!/bin/sh\n#SBATCH -n 2 --bogus=1\ntrue\n");
  EXPECT_NE(refusal(unknown).find("--skip-unknown"), std::string::npos);
  unknown.mutable_directives()->set_skip_unknown(true);
  unknown.set_key(key());
  const v1::Job skipped = submitted(unknown);
  EXPECT_EQ(skipped.spec().cores(), 2);
  EXPECT_EQ(told(skipped.notes()), "2 --ntasks used; 2 --bogus=1 unknown; 0 memory default; 0 time default; ");

  v1::SubmitRequest refused = asking("#!/bin/sh\n#SBATCH -n 2 -L a:1\ntrue\n");
  refused.mutable_directives()->set_skip_unknown(true);
  refusal(refused);
  refused.mutable_directives()->set_ignore(true);
  refused.set_key(key());
  const v1::Job plain = submitted(refused);
  EXPECT_EQ(plain.spec().cores(), 1);
  EXPECT_EQ(plain.notes_size(), 0);
}

TEST_F(DirectivesOfScripts, ThatArentThereLeaveTheDefaults) {
  v1::SubmitRequest request = asking("#!/bin/sh\ntrue\n");
  EXPECT_EQ(submitted(request).name(), "job");
  request.set_key(key());
  request.mutable_directives()->set_file_name("train.sh");
  const v1::Job job = submitted(request);
  EXPECT_EQ(job.name(), "train.sh");
  EXPECT_EQ(job.spec().cores(), 1);
  EXPECT_EQ(job.spec().nodes(), 1);
  EXPECT_EQ(job.spec().gpus(), 0);
  EXPECT_EQ(job.spec().mem_mib(), 1024);
  EXPECT_EQ(job.spec().walltime_ms(), 3'600'000);
  EXPECT_EQ(job.notes_size(), 0);
}

TEST_F(DirectivesOfScripts, OfLsfAreReadToo) {
  const v1::Job job = submitted(asking("#!/bin/sh\n#BSUB -J wave -n 4 -W 0:20 -q long\ntrue\n#BSUB -R \"span[hosts=1] rusage[mem=1GB]\"\n"));
  EXPECT_EQ(job.name(), "wave");
  EXPECT_EQ(job.spec().cores(), 4);
  EXPECT_EQ(job.spec().mem_mib(), 1024);
  EXPECT_EQ(job.spec().walltime_ms(), 1'200'000);
  EXPECT_NE(refusal(asking("#!/bin/sh\n#BSUB -J \"a[10-1]\"\n")).find("line 2, -J"), std::string::npos);
}

TEST_F(DirectivesOfScripts, WithHostileTextAreRefusedLikeAnyOther) {
  for (const std::string& name : {std::string("'$(reboot)\xE2\x80\xAE'"), std::string("-rf"), std::string("'a\x1b[31m'"), std::string("\xff\xfe"), std::string(300, 'x')})
    refusal(asking("#!/bin/sh\n#SBATCH --job-name=" + name + "\n"));
  for (const char* option : {"--qos=a;b", "--gres=gpu:a100;id:1", "--nodes=2147483648", "--nodes=0", "--ntasks=99999999999999999999", "--time=0", "--mem=999999999999T", "--wckey='-x'"})
    refusal(asking(std::string("#!/bin/sh\n#SBATCH ") + option + "\n"));
}

}  // namespace
}  // namespace bourse::test
