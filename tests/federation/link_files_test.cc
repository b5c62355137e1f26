// Inputs: in the job's folder before the scheduler hears of it, whatever breaks on the way; and nobody else's.
#include "bourse/federation/v1/federation.grpc.pb.h"
#include "tests/federation/files_world.h"

namespace bourse::testing {
namespace {

using broker::JobState;

class LinkFiles : public FilesWorld {
 protected:
  std::string folder_of(JobId id) { return directory_ + "/north-jobs/" + to_text(job(id).attempt().id); }
  std::string where() { return driver_.workdir(driver_.ids().back()); }
};

TEST_F(LinkFiles, BringsInputsBeforeTheSubmission) {
  const std::string large((3 << 20) + 17, 'L');
  for (const std::string& text : {std::string("1,2\n"), std::string("#!/bin/sh\n"), large, std::string()}) upload(text);
  const JobId id = submit_with({{"data.csv", "1,2\n"}, {"params/run.sh", "#!/bin/sh\n", true}, {"params/large", large}, {"empty", ""}});
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(read(where() + "/data.csv"), "1,2\n");
  EXPECT_EQ(read(where() + "/params/large"), large);
  EXPECT_TRUE(std::filesystem::exists(where() + "/empty"));
  struct stat info{};
  ASSERT_EQ(::stat((where() + "/params/run.sh").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  if (::geteuid() == 0) EXPECT_EQ(info.st_uid, 65'534U);
  ASSERT_EQ(::stat((where() + "/data.csv").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(LinkFiles, GoesOnWhereTheTransferBroke) {
  const std::string large(2 << 20, 'x');
  upload(large);
  store_.good_reads = 5;
  const JobId id = submit_with({{"large", large}});
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(read(where() + "/large"), large);
  EXPECT_EQ(store_.reads, (2 << 20) / (256 << 10) + 1) << "each piece once, and the one that failed again";
}

TEST_F(LinkFiles, GoesOnAfterARestartOfTheConnectorAndOfTheBroker) {
  const std::string large(2 << 20, 'y');
  upload(large);
  store_.good_reads = 3;
  const JobId id = submit_with({{"large", large}});
  ASSERT_TRUE(eventually([&] { return store_.reads >= 4; }));
  store_.held = true;
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder_of(id) + "/large"); }));
  store_.held = false;
  store_.held.notify_all();
  connector_.reset();
  stop_server();
  start_server();
  connect();
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(read(where() + "/large"), large);
  EXPECT_EQ(driver_.submissions(), 1);
}

TEST_F(LinkFiles, BytesThatChangedOnTheWayComeAgain) {
  upload("right");
  store_.lying = 1;
  const JobId id = submit_with({{"data", "right"}});
  ASSERT_TRUE(reaches(id, JobState::queued));
  EXPECT_EQ(read(where() + "/data"), "right");
}

TEST_F(LinkFiles, WrongBytesAreARejectionAndNothingRuns) {
  upload("right");
  store_.lying = 1'000;
  const JobId id = submit_with({{"data", "right"}});
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_TRUE(job(id).reason.contains("SHA-256")) << job(id).reason;
  EXPECT_EQ(driver_.submissions(), 0);
  EXPECT_EQ(job(id).attempt().charged.micros, 0);
}

TEST_F(LinkFiles, AFileThatIsGoneIsARejection) {
  const JobId id = submit_with({{"data", "never uploaded"}});
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_TRUE(job(id).reason.contains("data")) << job(id).reason;
  EXPECT_EQ(driver_.submissions(), 0);
}

// Another account's upload is no way round it: the same bytes, and yet not this account's.
TEST_F(LinkFiles, AnothersUploadIsNotTaken) {
  upload("theirs", id_of<BillingAccountId>(2));
  const JobId id = submit_with({{"data", "theirs"}});
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_EQ(driver_.submissions(), 0);
}

TEST_F(LinkFiles, AJobThatIsCancelledMeanwhileIsNotSubmitted) {
  upload("data");
  store_.held = true;
  const JobId id = submit_with({{"data", "data"}});
  ASSERT_TRUE(reaches(id, JobState::ordered));
  cancel(id);
  ASSERT_TRUE(reaches(id, JobState::cancelled));
  store_.held = false;
  store_.held.notify_all();
  EXPECT_EQ(driver_.submissions(), 0);
}

TEST_F(LinkFiles, WhatStandsInTheFolderAlreadyIsNotFollowed) {
  upload("data");
  store_.held = true;
  const JobId id = submit_with({{"sub/data", "data"}});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder_of(id) + "/sub/data"); }));
  // As a process of the same user might: the folder is a link when the connector comes again.
  connector_.reset();
  std::filesystem::create_directory(directory_ + "/elsewhere");
  std::filesystem::remove_all(folder_of(id) + "/sub");
  std::filesystem::create_directory_symlink(directory_ + "/elsewhere", folder_of(id) + "/sub");
  store_.held = false;
  store_.held.notify_all();
  connect();
  ASSERT_TRUE(reaches(id, JobState::failed));
  EXPECT_TRUE(job(id).reason.contains("link")) << job(id).reason;
  EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/elsewhere"));
}

TEST_F(LinkFiles, APoolThatTakesNoFilesIsNotChosen) {
  driver_.take_files(false);
  connector_.reset();
  connect();
  ASSERT_TRUE(eventually([&] { return !try_submit({}, {"out"}); }));
  const auto refused = try_submit({}, {"out"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::no_fitting_pool) << refused.error().message();
  EXPECT_NE(submit(), JobId{}) << "others are";
}

// Calls made by hand, as a center that is curious might make them.
TEST_F(LinkFiles, ACenterReachesFilesOfItsOwnJobsOnly) {
  upload("secret");
  store_.held = true;
  const JobId id = submit_with({{"data", "secret"}});
  ASSERT_TRUE(reaches(id, JobState::ordered));
  const auto stub = wire::Link::NewStub(channel());
  const auto pull = [&](const Member& as, const std::string& token) {
    grpc::ClientContext context;
    context.AddMetadata("x-bourse-client-cert", as.certificate_header);
    wire::PullRequest request;
    request.set_session_token(token);
    request.set_job(federation::to_bytes(id));
    request.set_attempt(federation::to_bytes(job(id).attempt().id));
    request.set_sha256(federation::to_bytes(sha256(std::string_view("secret"))));
    const auto stream = stub->PullFile(&context, request);
    wire::FilePiece piece;
    while (stream->Read(&piece)) EXPECT_TRUE(piece.data().empty()) << "it got something";
    return stream->Finish().error_code();
  };
  const Member south = enrol("south");
  EXPECT_EQ(pull(south, ""), grpc::StatusCode::UNAVAILABLE) << "no session";
  EXPECT_EQ(pull(south, std::string(64, 'a')), grpc::StatusCode::UNAVAILABLE);
  FakeDriver driver;
  const TestConnector connector(south, keys_, directory_ + "/south", driver, [this] { return channel(); });
  ASSERT_TRUE(eventually([&] { return connector.ready(); }));
  connector::FileLink& files = *connector.files();
  const auto nothing = [](std::string_view) -> Status { return fail(ErrorCode::internal, "it got something"); };
  for (const std::string_view wanted : {"secret"}) {
    const auto got = files.pull(id, job(id).attempt().id, sha256(wanted), 0, nothing);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::failed_precondition) << got.error().message();
  }
  wire::OutputsTold lie;
  lie.set_job(federation::to_bytes(id));
  lie.set_attempt(federation::to_bytes(job(id).attempt().id));
  EXPECT_EQ(files.tell(lie).error().code, ErrorCode::failed_precondition);
  store_.held = false;
  store_.held.notify_all();
}

// What is told becomes the name of a file on the user's machine.
TEST_F(LinkFiles, ACenterTellsOfNothingThatTheUserDidNotAskFor) {
  const JobId id = submit_with({}, {"results/**"});
  ASSERT_TRUE(reaches(id, JobState::queued));
  const auto tell = [&](const std::string& path) {
    wire::OutputsTold told;
    told.set_job(federation::to_bytes(id));
    told.set_attempt(federation::to_bytes(job(id).attempt().id));
    wire::OutputFile& file = *told.add_files();
    file.set_path(path);
    file.set_sha256(federation::to_bytes(sha256(std::string_view("x"))));
    file.set_size(1);
    return connector_->files()->tell(told).has_value();
  };
  EXPECT_FALSE(tell(".bashrc"));
  EXPECT_FALSE(tell("result/table.csv"));
  EXPECT_TRUE(tell("results/table.csv"));
}

}  // namespace
}  // namespace bourse::testing
