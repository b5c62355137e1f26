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

}  // namespace
}  // namespace bourse::gateway
