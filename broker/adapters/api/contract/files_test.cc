// Uploads, jobs that name them, and what their centers hand over.
#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/api/contract/market_world.h"
#include "federation-proto/fields.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;
namespace wire = federation::v1;

class Files : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    open_for_business(alpha_);
    ada_ = sign_in("ada", "Demo University", {"user"});
    bob_ = sign_in("bob", "Other University", {"user"});
    fund(ada_, "100");
    fund(bob_, "100");
  }
  Answer write(const v1::Principal& who, const std::string& text, std::int64_t offset, const std::string& piece, v1::Upload& reply) {
    v1::WriteUploadRequest request;
    *request.mutable_principal() = who;
    request.set_sha256(to_hex(sha256(std::string_view(text))));
    request.set_size(static_cast<std::int64_t>(text.size()));
    request.set_offset(offset);
    request.set_data(piece);
    return call(&Stub::WriteUpload, request, &reply);
  }
  v1::JobSpec with_input(const std::string& path, const std::string& text) {
    v1::JobSpec out = spec();
    v1::JobInput& input = *out.add_inputs();
    input.set_path(path);
    input.set_sha256(to_hex(sha256(std::string_view(text))));
    input.set_size(static_cast<std::int64_t>(text.size()));
    out.add_outputs("results/**");
    return out;
  }
  Answer try_submit(const v1::Principal& who, const v1::JobSpec& wanted, v1::Job& job) {
    v1::SubmitRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    *request.mutable_spec() = wanted;
    return call(&Stub::Submit, request, &job);
  }
  v1::JobFiles files_of(const v1::Principal& who, const std::string& id) {
    v1::ListJobFilesRequest request;
    *request.mutable_principal() = who;
    request.set_job(id);
    v1::JobFiles reply;
    const Answer got = call(&Stub::ListJobFiles, request, &reply);
    EXPECT_TRUE(got.ok()) << got.code << " " << got.detail;
    return reply;
  }
  Answer fetch(const v1::Principal& who, const std::string& id, const std::string& path, v1::JobFilePiece& piece, std::int64_t offset = 0, std::int64_t most = 0) {
    v1::ReadJobFileRequest request;
    *request.mutable_principal() = who;
    request.set_job(id);
    request.set_path(path);
    request.set_offset(offset);
    request.set_max_bytes(most);
    return call(&Stub::ReadJobFile, request, &piece);
  }

  StubCenter alpha_;
  v1::Principal ada_, bob_;
};

TEST_F(Files, AnUploadGoesOnAndIsChecked) {
  v1::Upload upload;
  ASSERT_TRUE(write(ada_, "0123456789", 0, "0123", upload).ok());
  EXPECT_EQ(upload.offset(), 4);
  EXPECT_FALSE(upload.complete());
  const Answer wrong_place = write(ada_, "0123456789", 2, "2345", upload);
  EXPECT_EQ(wrong_place.code, "conflict");
  EXPECT_NE(wrong_place.detail.find("at 4"), std::string::npos) << wrong_place.detail;
  v1::GetUploadRequest ask;
  *ask.mutable_principal() = ada_;
  ask.set_sha256(to_hex(sha256(std::string_view("0123456789"))));
  ask.set_size(10);
  ASSERT_TRUE(call(&Stub::GetUpload, ask, &upload).ok());
  EXPECT_EQ(upload.offset(), 4);
  ASSERT_TRUE(write(ada_, "0123456789", 4, "456789", upload).ok());
  EXPECT_TRUE(upload.complete());
  EXPECT_EQ(write(ada_, "right", 0, "wrong", upload).code, "integrity");
  ask.set_sha256("nonsense");
  EXPECT_EQ(call(&Stub::GetUpload, ask, &upload).code, "invalid_argument");
}

TEST_F(Files, AJobNamesOnlyWhatItsAccountUploaded) {
  v1::Upload upload;
  v1::Job job;
  EXPECT_EQ(try_submit(ada_, with_input("data", "secret"), job).code, "failed_precondition");
  ASSERT_TRUE(write(ada_, "secret", 0, "secret", upload).ok());
  const Answer theirs = try_submit(bob_, with_input("data", "secret"), job);
  EXPECT_EQ(theirs.code, "failed_precondition") << "knowing the hash is not enough";
  EXPECT_NE(theirs.detail.find("data"), std::string::npos);
  ASSERT_TRUE(try_submit(ada_, with_input("data", "secret"), job).ok());
  const v1::JobFiles files = files_of(ada_, job.id());
  ASSERT_EQ(files.inputs_size(), 1);
  EXPECT_TRUE(files.inputs(0).arrived());
  EXPECT_EQ(files.state(), "awaited");
  v1::JobFilePiece piece;
  ASSERT_TRUE(fetch(ada_, job.id(), "data", piece, 2, 3).ok());
  EXPECT_EQ(piece.data(), "cre");
  EXPECT_EQ(piece.size(), 6);
  EXPECT_EQ(fetch(bob_, job.id(), "data", piece).code, "not_found");
  EXPECT_EQ(fetch(ada_, job.id(), "other", piece).code, "not_found");
}

TEST_F(Files, BadNamesAreRefusedBeforeAnythingIsHeld) {
  v1::Job job;
  v1::Upload upload;
  ASSERT_TRUE(write(ada_, "x", 0, "x", upload).ok());
  for (const char* path : {"../x", "/etc/passwd", "", "a\nb", "output.log", ".bourse-script"}) EXPECT_EQ(try_submit(ada_, with_input(path, "x"), job).code, "invalid_argument") << path;
  v1::JobSpec twice = with_input("a", "x");
  *twice.add_inputs() = twice.inputs(0);
  EXPECT_EQ(try_submit(ada_, twice, job).code, "invalid_argument");
  v1::JobSpec pattern = spec();
  pattern.add_outputs("/tmp/**");
  EXPECT_EQ(try_submit(ada_, pattern, job).code, "invalid_argument");
}

TEST_F(Files, AQuoteKeepsItsFiles) {
  v1::Upload upload;
  ASSERT_TRUE(write(ada_, "x", 0, "x", upload).ok());
  v1::QuoteRequest ask;
  *ask.mutable_principal() = ada_;
  ask.set_key(key());
  *ask.mutable_spec() = with_input("a", "x");
  v1::QuoteReply quote;
  ASSERT_TRUE(call(&Stub::Quote, ask, &quote).ok());
  v1::SubmitRequest take;
  *take.mutable_principal() = ada_;
  take.set_key(key());
  take.set_quote(quote.quote());
  *take.mutable_spec() = with_input("b", "x");
  v1::Job job;
  EXPECT_EQ(call(&Stub::Submit, take, &job).code, "failed_precondition");
  take.clear_spec();
  take.set_key(key());
  ASSERT_TRUE(call(&Stub::Submit, take, &job).ok());
  EXPECT_EQ(files_of(ada_, job.id()).inputs(0).path(), "a");
}

TEST_F(Files, OutputsAndTheLogsEndAreReadWithoutTheCenter) {
  v1::Job submitted;
  ASSERT_TRUE(try_submit(ada_, [this] { auto s = spec(); s.add_outputs("*"); return s; }(), submitted).ok());
  run_job(alpha_, submitted.id(), minutes(1));
  const broker::Job done = job(submitted.id());
  wire::OutputsTold told;
  told.set_job(federation::to_bytes(done.id));
  told.set_attempt(federation::to_bytes(done.attempt().id));
  const auto add = [&](const std::string& path, const std::string& text, bool here) {
    const broker::FileName name{done.account, sha256(std::string_view(text)), static_cast<std::int64_t>(text.size())};
    if (here) EXPECT_TRUE(files_.write(name, 0, std::as_bytes(std::span(text))));
    wire::OutputFile& file = *told.add_files();
    file.set_path(path);
    file.set_sha256(federation::to_bytes(name.hash));
    file.set_size(name.size);
    return &file;
  };
  add("result", "42\n", true);
  add("late", "on its way", false);
  wire::OutputFile& gone = *told.add_files();
  gone.set_path("gone");
  gone.set_reason("the job left no such file");
  wire::OutputFile& log = *add("", "the end", true);
  log.set_log(true);
  log.set_log_offset(1000);
  ASSERT_TRUE(files_.put_listing(done.account, done.id, told.SerializeAsString()));

  const v1::JobFiles files = files_of(ada_, submitted.id());
  EXPECT_EQ(files.state(), "arriving");
  ASSERT_EQ(files.outputs_size(), 3) << "the log is not among them";
  EXPECT_TRUE(files.outputs(0).arrived());
  EXPECT_FALSE(files.outputs(1).arrived());
  EXPECT_EQ(files.outputs(2).reason(), "the job left no such file");
  v1::JobFilePiece piece;
  ASSERT_TRUE(fetch(ada_, submitted.id(), "result", piece).ok());
  EXPECT_EQ(piece.data(), "42\n");
  EXPECT_EQ(fetch(ada_, submitted.id(), "gone", piece).code, "not_found");

  v1::GetLogRequest ask;  // its center is not connected here
  *ask.mutable_principal() = ada_;
  ask.set_job(submitted.id());
  v1::LogReply reply;
  ASSERT_TRUE(call(&Stub::GetLog, ask, &reply).ok());
  EXPECT_EQ(reply.data(), "the end");
  EXPECT_EQ(reply.offset(), 1000);
  EXPECT_EQ(reply.size(), 1007);
  EXPECT_TRUE(reply.ended());
  *ask.mutable_principal() = bob_;
  EXPECT_EQ(call(&Stub::GetLog, ask, &reply).code, "not_found");
}

}  // namespace
}  // namespace bourse::test
