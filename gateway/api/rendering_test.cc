#include "gateway/api/rendering.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bourse/market/v1/market.pb.h"

namespace bourse::gateway {
namespace {

namespace v1 = market::v1;

const Operation& operation_of(std::string_view rpc) {
  return *std::ranges::find(operations(), rpc, &Operation::rpc);
}

TEST(Rendering, tells_what_is_done_from_what_waits) {
  v1::Admission admission;
  admission.set_name("north");
  EXPECT_EQ(render(operation_of("AdmitCenter"), admission).status, 201);
  admission.mutable_proposal()->set_state("open");
  EXPECT_EQ(render(operation_of("AdmitCenter"), admission).status, 202);
  admission.mutable_proposal()->set_state("approved");  // asked again later
  EXPECT_EQ(render(operation_of("AdmitCenter"), admission).status, 201);
  v1::Wallet wallet;
  wallet.mutable_proposal()->set_state("open");
  EXPECT_EQ(render(operation_of("SetCreditLimit"), wallet).status, 202);
  EXPECT_EQ(render(operation_of("ListCenters"), v1::ListCentersReply()).status, 200);
}

TEST(Rendering, passes_a_bundle_on_as_it_is) {
  v1::InviteCenterReply reply;
  reply.set_bundle_json("{\"token\": \"bjt_\"}\n");
  const http::Response out = render(operation_of("InviteCenter"), reply);
  EXPECT_EQ(out.status, 201);
  EXPECT_EQ(out.body, "{\"token\": \"bjt_\"}\n");
}

TEST(Rendering, a_part_of_a_file_says_of_what_it_is_one) {
  const Operation& read = operation_of("ReadJobFile");
  v1::JobFilePiece piece;
  piece.set_data("abc");
  piece.set_size(3);
  piece.set_sha256(std::string(64, 'a'));
  http::Response out = render(read, piece);
  EXPECT_EQ(out.status, 200);
  EXPECT_EQ(out.body, "abc");
  EXPECT_FALSE(out.headers.get("content-range"));
  EXPECT_EQ(out.headers.get("x-file-sha256"), std::string(64, 'a'));
  piece.set_size(10);
  piece.set_offset(4);
  out = render(read, piece);
  EXPECT_EQ(out.status, 206);
  EXPECT_EQ(out.headers.get("content-range"), "bytes 4-6/10");
  piece.clear_data();
  piece.set_offset(10);
  out = render(read, piece);
  EXPECT_EQ(out.status, 416);
  EXPECT_EQ(out.headers.get("content-range"), "bytes */10");
  piece.set_size(0);  // an empty file
  EXPECT_EQ(render(read, piece).status, 200);
}

}  // namespace
}  // namespace bourse::gateway
