// A center's own people: what they see of their center, what they set by its contract, and nothing of anybody else's.
#include "broker/adapters/api/contract/market_world.h"
#include "reconciliation/accounting.h"

namespace bourse::test {
namespace {

using Stub = v1::Market::Stub;

class CenterAdmins : public MarketWorld {
 protected:
  void SetUp() override {
    MarketWorld::SetUp();
    alpha_ = enrol("alpha");
    beta_ = enrol("beta");
    open_for_business(alpha_);
    open_for_business(beta_);
    carla_ = sign_in("carla", "Alpha University", {"user", "center-admin"});
    ben_ = sign_in("ben", "Beta University", {"user", "center-admin"});
    bind(alpha_, carla_.user());
    bind(beta_, ben_.user());
  }
  Answer bind(const StubCenter& center, const std::string& user, const std::string& issuer = {}) {
    v1::CenterAdminRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    request.set_center(center.name);
    request.set_user(user);
    request.set_issuer(issuer);
    v1::CenterAdmin reply;
    return call(&Stub::AddCenterAdmin, request, &reply);
  }
  void agree(const StubCenter& center, const std::string& sale, const std::string& settlement, std::int64_t valid_from_ms = 2) {
    v1::SetContractRequest request;
    *request.mutable_principal() = operator_;
    request.set_key(key());
    v1::Contract& contract = *request.mutable_contract();
    contract.set_center(center.name);
    contract.set_tax_bps(600);
    contract.set_margin_bps(1000);
    contract.set_valid_from_ms(valid_from_ms);
    contract.set_sale_prices(sale);
    contract.set_settlement_prices(settlement);
    v1::Contract kept;
    const Answer got = call(&Stub::SetContract, request, &kept);
    ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
    EXPECT_EQ(kept.sale_prices(), sale);
    EXPECT_EQ(kept.settlement_prices(), settlement);
  }
  v1::PriceRow row(const std::string& center, const std::string& price) {
    v1::PriceRow out;
    out.set_center(center);
    out.set_meter("core_ms");
    out.set_per("core-hour");
    out.set_price(price);
    out.set_unit("CNY");
    return out;
  }
  Answer publish(const v1::Principal& who, const std::string& for_center, const std::string& of, v1::PublishPricesReply* reply = nullptr) {
    v1::PublishPricesRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_for_center(for_center);
    *request.add_rows() = row(of, "0.5");
    v1::PublishPricesReply mine;
    return call(&Stub::PublishPrices, request, reply == nullptr ? &mine : reply);
  }
  v1::ListCentersReply centers(const v1::Principal& who) {
    v1::ListCentersRequest request;
    *request.mutable_principal() = who;
    v1::ListCentersReply reply;
    EXPECT_TRUE(call(&Stub::ListCenters, request, &reply).ok());
    return reply;
  }
  Answer statements(const v1::Principal& who, const std::string& center, v1::ListStatementsReply& reply) {
    v1::ListStatementsRequest request;
    *request.mutable_principal() = who;
    request.set_center(center);
    return call(&Stub::ListStatements, request, &reply);
  }

  StubCenter alpha_, beta_;
  v1::Principal carla_, ben_;
};

TEST_F(CenterAdmins, SeeTheirCenterAndNoOther) {
  for (const v1::Center& center : centers(carla_).centers()) EXPECT_EQ(center.contracts_size() > 0, center.name() == "alpha") << center.name();
  v1::SettleRequest settle;
  *settle.mutable_principal() = finance_;
  settle.set_key(key());
  settle.set_center("alpha");
  v1::SettleReply settled;
  ASSERT_TRUE(call(&Stub::Settle, settle, &settled).ok());
  v1::ListStatementsReply seen;
  ASSERT_TRUE(statements(carla_, "", seen).ok());
  ASSERT_GE(seen.statements_size(), 1);
  for (const v1::Statement& one : seen.statements()) EXPECT_EQ(one.center_name(), "alpha");
  EXPECT_TRUE(statements(carla_, "alpha", seen).ok());
  EXPECT_EQ(statements(carla_, "beta", seen).code, "not_found");
  v1::GetStatementRequest get;
  get.set_period(settled.period());
  v1::Document document;
  *get.mutable_principal() = carla_;
  EXPECT_TRUE(call(&Stub::GetStatement, get, &document).ok());
  *get.mutable_principal() = ben_;
  EXPECT_EQ(call(&Stub::GetStatement, get, &document).code, "not_found");
  v1::ListDaysRequest days;
  days.set_center("alpha");
  v1::ListDaysReply counted;
  *days.mutable_principal() = carla_;
  EXPECT_TRUE(call(&Stub::ListDays, days, &counted).ok());
  *days.mutable_principal() = ben_;
  EXPECT_EQ(call(&Stub::ListDays, days, &counted).code, "not_found");
}

TEST_F(CenterAdmins, SeeTheBreaksOfTheirCenter) {
  const v1::Principal ada = sign_in("ada", "Demo University", {"user"});
  fund(ada, "100");
  const std::string job = submit(ada, spec()).id();
  StubCenter& ran = see(ada, job).center_name() == "beta" ? beta_ : alpha_;
  run_job(ran, job, seconds(30));
  const std::string today = to_text(clock_.now()).substr(0, 10);
  v1::ReconcileCenterRequest file;
  *file.mutable_principal() = finance_;
  file.set_key(key());
  file.set_center(ran.name);
  file.set_from(to_text(clock_.now() + hours(-24)).substr(0, 10));
  file.set_to(today);
  file.set_data(reconciliation::write_accounting({}));  // the center has none of it
  v1::ReconcileReply compared;
  const Answer got = call(&Stub::ReconcileCenter, file, &compared);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  const v1::Principal& own = ran.name == "alpha" ? carla_ : ben_;
  const v1::Principal& other = ran.name == "alpha" ? ben_ : carla_;
  v1::ListBreaksRequest list;
  v1::ListBreaksReply breaks;
  *list.mutable_principal() = own;
  ASSERT_TRUE(call(&Stub::ListBreaks, list, &breaks).ok());
  ASSERT_EQ(breaks.total(), 1);
  v1::GetBreakRequest get;
  get.set_id(breaks.breaks(0).id());
  v1::Break one;
  *get.mutable_principal() = own;
  EXPECT_TRUE(call(&Stub::GetBreak, get, &one).ok());
  *get.mutable_principal() = other;
  EXPECT_EQ(call(&Stub::GetBreak, get, &one).code, "not_found");
  *list.mutable_principal() = other;
  ASSERT_TRUE(call(&Stub::ListBreaks, list, &breaks).ok());
  EXPECT_EQ(breaks.total(), 0);
  list.set_center(ran.name);
  EXPECT_EQ(call(&Stub::ListBreaks, list, &breaks).code, "not_found");
}

TEST_F(CenterAdmins, NeedTheRoleAndTheBinding) {
  v1::ListStatementsReply seen;
  v1::Principal bound = carla_;
  bound.clear_roles();
  bound.add_roles("user");
  EXPECT_EQ(statements(bound, "alpha", seen).code, "forbidden");
  const v1::Principal roles_alone = sign_in("zoe", "Alpha University", {"user", "center-admin"});
  EXPECT_EQ(statements(roles_alone, "alpha", seen).code, "not_found");
  ASSERT_TRUE(statements(roles_alone, "", seen).ok());
  EXPECT_EQ(seen.statements_size(), 0);
  EXPECT_EQ(bind(alpha_, to_text(UserId{{1, 2}})).code, "not_found");
  EXPECT_EQ(bind(alpha_, "nobody", "https://id.example").code, "not_found");
  // Twice is once, by either name.
  EXPECT_TRUE(bind(alpha_, carla_.user()).ok());
  v1::ListCenterAdminsRequest list;
  *list.mutable_principal() = carla_;
  list.set_center("alpha");
  v1::ListCenterAdminsReply admins;
  ASSERT_TRUE(call(&Stub::ListCenterAdmins, list, &admins).ok());
  ASSERT_EQ(admins.admins_size(), 1);
  EXPECT_EQ(admins.admins(0).user(), carla_.user());
  *list.mutable_principal() = ben_;
  EXPECT_EQ(call(&Stub::ListCenterAdmins, list, &admins).code, "not_found");
  // Nobody binds himself.
  v1::CenterAdminRequest own;
  *own.mutable_principal() = ben_;
  own.set_key(key());
  own.set_center("alpha");
  own.set_user(ben_.user());
  v1::CenterAdmin added;
  EXPECT_EQ(call(&Stub::AddCenterAdmin, own, &added).code, "forbidden");
  // It survives a restart, and ends when it is taken away.
  stop();
  start();
  EXPECT_TRUE(statements(carla_, "alpha", seen).ok());
  *own.mutable_principal() = operator_;
  own.set_user(carla_.user());
  v1::Empty nothing;
  ASSERT_TRUE(call(&Stub::RemoveCenterAdmin, own, &nothing).ok());
  EXPECT_EQ(statements(carla_, "alpha", seen).code, "not_found");
}

TEST_F(CenterAdmins, SetPricesWhereTheContractSays) {
  EXPECT_EQ(publish(carla_, "alpha", "alpha").code, "forbidden");  // the platform's
  agree(alpha_, "center", "platform");
  v1::PublishPricesReply published;
  EXPECT_TRUE(publish(carla_, "alpha", "alpha", &published).ok());
  EXPECT_EQ(published.ids_size(), 1);
  EXPECT_TRUE(publish(carla_, "alpha", "").ok());  // of the center that it is for
  EXPECT_EQ(publish(carla_, "alpha", "beta").code, "forbidden");
  EXPECT_EQ(publish(carla_, "beta", "beta").code, "not_found");
  EXPECT_EQ(publish(carla_, "", "alpha").code, "forbidden");
  const Answer refused = publish(operator_, "", "alpha");
  EXPECT_EQ(refused.code, "forbidden");
  EXPECT_NE(refused.detail.find("leaves sale prices to the center"), std::string::npos) << refused.detail;
  EXPECT_EQ(publish(operator_, "alpha", "alpha").code, "forbidden");
  EXPECT_TRUE(publish(operator_, "", "beta").ok());
  EXPECT_TRUE(publish(operator_, "", "").ok());
}

TEST_F(CenterAdmins, SetSettlementPricesByTheNextContract) {
  v1::SetSettlementPricesRequest request;
  *request.mutable_principal() = carla_;
  request.set_key(key());
  request.set_center("alpha");
  for (const char* meter : {"core_ms", "gpu_ms", "node_ms", "mem_mib_s"}) {
    v1::PriceRow& one = *request.add_rows() = row("", meter == std::string("core_ms") ? "0.2" : "0");
    one.set_meter(meter);
    if (meter != std::string("core_ms")) one.clear_per(), one.set_per_ticks(1);
  }
  v1::Contract next;
  const Answer refused = call(&Stub::SetSettlementPrices, request, &next);
  EXPECT_EQ(refused.code, "forbidden") << refused.detail;
  agree(alpha_, "platform", "either");
  request.set_key(key());
  const Answer got = call(&Stub::SetSettlementPrices, request, &next);
  ASSERT_TRUE(got.ok()) << got.code << " " << got.detail;
  EXPECT_EQ(next.settlement_size(), 4);
  EXPECT_EQ(next.tax_bps(), 600);
  EXPECT_EQ(next.margin_bps(), 1000);
  request.set_key(key());
  *request.mutable_principal() = ben_;
  EXPECT_EQ(call(&Stub::SetSettlementPrices, request, &next).code, "not_found");
  *request.mutable_principal() = operator_;
  EXPECT_EQ(call(&Stub::SetSettlementPrices, request, &next).code, "forbidden");
}

TEST_F(CenterAdmins, WhatTheyProposeThePlatformApproves) {
  agree(alpha_, "center", "platform");
  stop();
  two_people_ = true;
  start();
  v1::PublishPricesReply published;
  ASSERT_TRUE(publish(carla_, "alpha", "alpha", &published).ok());
  const std::string proposal = published.proposal().id();
  ASSERT_FALSE(proposal.empty());
  EXPECT_EQ(published.proposal().act().publish_prices().for_center(), "alpha");
  const auto proposals = [&](const v1::Principal& who) {
    v1::ListProposalsRequest request;
    *request.mutable_principal() = who;
    v1::ListProposalsReply reply;
    EXPECT_TRUE(call(&Stub::ListProposals, request, &reply).ok());
    return reply.proposals_size();
  };
  EXPECT_EQ(proposals(carla_), 1);
  EXPECT_EQ(proposals(ben_), 0);
  using End = grpc::Status (Stub::*)(grpc::ClientContext*, const v1::EndProposalRequest&, v1::Proposal*);
  const auto end = [&](End how, const v1::Principal& who, const std::string& which) {
    v1::EndProposalRequest request;
    *request.mutable_principal() = who;
    request.set_key(key());
    request.set_proposal(which);
    v1::Proposal reply;
    return call(how, request, &reply).code;
  };
  EXPECT_EQ(end(&Stub::ApproveProposal, carla_, proposal), "forbidden");
  EXPECT_EQ(end(&Stub::WithdrawProposal, ben_, proposal), "not_found");
  EXPECT_EQ(end(&Stub::ApproveProposal, operator_, proposal), "");
  ASSERT_TRUE(publish(carla_, "alpha", "alpha", &published).ok());
  EXPECT_EQ(end(&Stub::WithdrawProposal, carla_, published.proposal().id()), "");
}

}  // namespace
}  // namespace bourse::test
