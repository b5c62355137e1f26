// What a BlobStore must do.
#include <gtest/gtest.h>

#include <memory>

#include "base/sha256.h"
#include "bourse/federation/v1/federation.pb.h"
#include "broker/adapters/store/pg_blob_store.h"
#include "tests/contract/database.h"

namespace bourse::broker {
namespace {

using test::bytes;

class BlobStoreContract : public ::testing::Test {
 protected:
  test::Database database_;
  PgBlobStore store_{database_.as("bourse_writer")};
};

TEST_F(BlobStoreContract, GivesBackWhatWasPutUnderItsHash) {
  for (const std::string& text :
       {std::string(), std::string("#!/bin/sh\n"), std::string("\0\xff\0", 3), std::string(8 << 20, 'b')}) {
    const auto hash = store_.put(BlobKind::script, bytes(text));
    ASSERT_TRUE(hash) << hash.error().message();
    EXPECT_EQ(*hash, sha256(text));
    EXPECT_EQ(store_.put(BlobKind::script, bytes(text)), hash);  // again: harmless
    const auto read = store_.get(BlobKind::script, *hash);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, bytes(text));
  }
}

TEST_F(BlobStoreContract, PutsManyAtOnceInOrderRepeatsIncluded) {
  const std::vector<std::vector<std::byte>> blobs = {bytes("a"), bytes(""), bytes("b"), bytes("a")};
  std::vector<std::span<const std::byte>> views(blobs.begin(), blobs.end());
  const auto hashes = store_.put_all(BlobKind::order, views);
  ASSERT_TRUE(hashes) << hashes.error().message();
  ASSERT_EQ(hashes->size(), 4U);
  EXPECT_EQ((*hashes)[0], (*hashes)[3]);
  for (std::size_t i = 0; i < blobs.size(); ++i) EXPECT_EQ(store_.get(BlobKind::order, (*hashes)[i]).value(), blobs[i]);
  EXPECT_TRUE(store_.put_all(BlobKind::order, {}).value().empty());
}

TEST_F(BlobStoreContract, AReportIsNamedByItsPayload) {
  federation::v1::Envelope envelope;
  envelope.set_payload("report 1");
  envelope.set_signature("signed by the center");
  const std::string serialized = envelope.SerializeAsString();
  const auto hash = store_.put(BlobKind::report, bytes(serialized));
  ASSERT_TRUE(hash) << hash.error().message();
  EXPECT_EQ(*hash, sha256(std::string_view("report 1")));
  EXPECT_EQ(store_.get(BlobKind::report, *hash).value(), bytes(serialized));
  EXPECT_EQ(store_.put(BlobKind::report, bytes("\xff no envelope")).error().code, ErrorCode::invalid_argument);
}

TEST_F(BlobStoreContract, AScriptWithTheBytesOfAReportTakesNothingFromIt) {
  federation::v1::Envelope envelope;
  envelope.set_payload("#!/bin/sh\n");
  const std::string serialized = envelope.SerializeAsString();
  const auto script = store_.put(BlobKind::script, bytes("#!/bin/sh\n"));
  const auto report = store_.put(BlobKind::report, bytes(serialized));
  ASSERT_TRUE(script && report);
  ASSERT_EQ(*script, *report);
  EXPECT_EQ(store_.get(BlobKind::script, *script).value(), bytes("#!/bin/sh\n"));
  EXPECT_EQ(store_.get(BlobKind::report, *report).value(), bytes(serialized));
  EXPECT_EQ(store_.get(BlobKind::order, *report).error().code, ErrorCode::not_found);
}

TEST_F(BlobStoreContract, RefusesWhatIsTooLarge) {
  const std::vector<std::byte> large((8 << 20) + 1);
  EXPECT_EQ(store_.put(BlobKind::script, large).error().code, ErrorCode::too_large);
  EXPECT_TRUE(store_.put(BlobKind::statement, large));
}

TEST_F(BlobStoreContract, SaysWhatIsMissingAndWhatWasAltered) {
  EXPECT_EQ(store_.get(BlobKind::order, sha256("nothing")).error().code, ErrorCode::not_found);
  const auto hash = store_.put(BlobKind::order, bytes("order"));
  ASSERT_TRUE(hash);
  database_.ask("UPDATE blob.blobs SET bytes = 'other'");
  EXPECT_EQ(store_.get(BlobKind::order, *hash).error().code, ErrorCode::integrity);
}

TEST_F(BlobStoreContract, ReconnectsAfterTheServerEndedItsSessions) {
  ASSERT_TRUE(store_.put(BlobKind::script, bytes("x")));
  database_.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'bourse_writer'");
  const auto first = store_.put(BlobKind::script, bytes("y"));
  if (!first) EXPECT_EQ(first.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(store_.put(BlobKind::script, bytes("y")));
}

}  // namespace
}  // namespace bourse::broker
