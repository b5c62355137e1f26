// Who may do what: every RPC with nobody, with the wrong role, with another tenant's things, and with garbage.
#include <functional>

#include "broker/adapters/api/contract/isolation_fixture.h"

namespace bourse::test {
namespace {

TEST_F(Isolation, NobodyIsRefusedEverywhere) {
  auto all = user_rpcs(ada_.accounts(0), job_, quote_);
  for (Rpc& rpc : staff_rpcs(ada_.accounts(0), "alpha", to_text(PeriodId{}))) all.push_back(std::move(rpc));
  all.push_back(rpc("ListOffers", &Stub::ListOffers, v1::ListOffersRequest{}));
  all.push_back(rpc("ListWallets", &Stub::ListWallets, v1::ListWalletsRequest{}));
  all.push_back(rpc("OpenAccount", &Stub::OpenAccount, v1::OpenAccountRequest{}));
  all.push_back(rpc("ListProducts", &Stub::ListProducts, v1::ListProductsRequest{}));
  all.push_back(rpc("ListPrices", &Stub::ListPrices, v1::ListPricesRequest{}));
  all.push_back(rpc("ListFactorTables", &Stub::ListFactorTables, v1::ListFactorTablesRequest{}));
  all.push_back(rpc("ListCenters", &Stub::ListCenters, v1::ListCentersRequest{}));
  v1::Principal forged;
  forged.set_user("usr_");
  forged.add_roles("operator");
  for (const Rpc& each : all) {
    EXPECT_EQ(each.call(v1::Principal{}).code, "unauthenticated") << each.name;
    EXPECT_EQ(each.call(forged).code, "unauthenticated") << each.name;
  }
}

TEST_F(Isolation, AnotherTenantsThingsAreNotThere) {
  for (const Rpc& each : user_rpcs(ada_.accounts(0), job_, quote_)) {
    const Answer got = each.call(bob_);
    EXPECT_EQ(got.code, "not_found") << each.name << " " << got.detail;
  }
  // A stranger who claims the owner's accounts or tenant in the principal's other fields gains nothing without the user.
  v1::Principal claims = bob_;
  claims.clear_accounts();
  claims.add_accounts(ada_.accounts(0));
  for (const Rpc& each : user_rpcs(ada_.accounts(0), job_, quote_)) EXPECT_EQ(each.call(claims).code, "not_found") << each.name;
  // Whatever the id: each of them leads to the job, for its owner.
  for (const v1::Job job = see(ada_, job_); const std::string& id : {job.id(), quote_, job.hold(), job.attempt()}) {
    v1::TraceRequest trace;
    trace.set_id(id);
    *trace.mutable_principal() = ada_;
    v1::TraceReply chain;
    if (id != quote_) EXPECT_TRUE(call(&Stub::Trace, trace, &chain).ok()) << id;  // nobody accepted the quote
    *trace.mutable_principal() = bob_;
    EXPECT_EQ(call(&Stub::Trace, trace, &chain).code, "not_found") << id;
  }
  v1::ListJobsRequest list;
  *list.mutable_principal() = bob_;
  list.set_at_least_position(engine_->stats().position);
  v1::ListJobsReply jobs;
  ASSERT_TRUE(call(&Stub::ListJobs, list, &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
}

TEST_F(Isolation, AnotherTenantsQuoteTellsNothingOfItsScript) {
  v1::QuoteRequest ask;
  *ask.mutable_principal() = ada_;
  ask.set_key(key());
  *ask.mutable_spec() = spec();
  ask.mutable_spec()->clear_script();
  v1::QuoteReply bare;
  ASSERT_TRUE(call(&Stub::Quote, ask, &bare).ok());
  for (const std::string& quote : {quote_, bare.quote()}) {
    for (const char* script : {"", "#!/bin/sh\n# a guess\n"}) {
      v1::SubmitRequest request;
      *request.mutable_principal() = bob_;
      request.set_key(key());
      request.set_quote(quote);
      request.mutable_spec()->set_script(script);
      v1::Job job;
      EXPECT_EQ(call(&Stub::Submit, request, &job).code, "not_found") << script;
    }
  }
}

TEST_F(Isolation, MoneyThatCantBeMeantIsRefused) {
  const auto refused = [&](const char* amount, const char* unit, const std::string& reference) {
    v1::FundAccountRequest request;
    *request.mutable_principal() = finance_;
    request.set_key(key());
    request.set_account(ada_.accounts(0));
    request.mutable_money()->set_amount(amount);
    request.mutable_money()->set_unit(unit);
    request.set_bank_reference(reference);
    v1::Wallet wallet;
    return call(&Stub::FundAccount, request, &wallet).code;
  };
  for (const char* amount : {"", "1,5", "1.000,50", "1e3", "+1", " 1", "1 ", "0x10", "1.1234567", "NaN", "=1+1", "１"})
    EXPECT_EQ(refused(amount, "CNY", "r"), "invalid_argument") << amount;
  for (const char* amount : {"0", "-0", "-1", "0.000000"}) EXPECT_NE(refused(amount, "CNY", "r"), "") << amount;
  for (const char* amount : {"99999999999999999999", "9223372036854.775808"})
    EXPECT_EQ(refused(amount, "CNY", "r"), "amount_overflow") << amount;
  for (const char* unit : {"", "cny", "C", "CNY ", "¥", "=A1"})
    EXPECT_EQ(refused("1", unit, "r"), "invalid_argument") << unit;
  for (const char* unit : {"USD", "DU"}) EXPECT_EQ(refused("1", unit, "r"), "unit_mismatch") << unit;
  for (const std::string& reference :
       {std::string(), std::string("a\tb"), std::string("a\r\nb"), std::string("\xE2\x80\xAE"), std::string(141, 'r')})
    EXPECT_EQ(refused("1", "CNY", reference), "invalid_argument") << reference;
  v1::ListWalletsRequest which;
  *which.mutable_principal() = ada_;
  v1::ListWalletsReply wallets;
  ASSERT_TRUE(call(&Stub::ListWallets, which, &wallets).ok());
  EXPECT_EQ(wallets.wallets(0).balance(), "100.00");
}

TEST_F(Isolation, UsersDoNothingThatStaffDoes) {
  for (const Rpc& each : staff_rpcs(ada_.accounts(0), "alpha", to_text(PeriodId{}))) EXPECT_EQ(each.call(ada_).code, "forbidden") << each.name;
  v1::Principal nobody = ada_;
  nobody.clear_roles();
  nobody.add_roles("root");
  for (const Rpc& each : staff_rpcs(ada_.accounts(0), "alpha", to_text(PeriodId{}))) EXPECT_EQ(each.call(nobody).code, "forbidden") << each.name;
  for (const char* name : {"Quote", "Submit", "CancelJob", "GetLog"})
    for (const Rpc& each : user_rpcs(ada_.accounts(0), job_, quote_))
      if (each.name == name) EXPECT_EQ(each.call(nobody).code, "forbidden") << each.name;
}

TEST_F(Isolation, StaffKeepToTheirTrades) {
  for (const Rpc& each : staff_rpcs(ada_.accounts(0), "alpha", to_text(PeriodId{}))) {
    const bool finances = each.name == "FundAccount" || each.name == "ListBillingAccounts" || each.name == "Settle";
    if (finances) EXPECT_EQ(each.call(operator_).code, "forbidden") << each.name;
    const bool operates = each.name.ends_with("Invitation") || each.name.ends_with("Invitations") || each.name == "InviteCenter" || each.name == "AdmitCenter" ||
                          each.name == "SetCenterState" || each.name == "SetContract" || each.name == "PublishPrices";
    if (operates) EXPECT_EQ(each.call(finance_).code, "forbidden") << each.name;
  }
  // Operators and finance see jobs, but nobody's log.
  EXPECT_EQ(see(operator_, job_).id(), job_);
  EXPECT_EQ(see(finance_, job_).id(), job_);
  v1::Principal both = operator_;
  both.add_roles("user");
  v1::GetLogRequest log;
  *log.mutable_principal() = both;
  log.set_job(job_);
  v1::LogReply reply;
  EXPECT_EQ(call(&Stub::GetLog, log, &reply).code, "not_found");
}

TEST_F(Isolation, AMemberOfAnAccountSeesItsJobs) {
  const v1::Principal eve = sign_in("eve", "Demo University", {"user"});
  EXPECT_EQ(user_rpcs("", job_, quote_)[3].call(eve).code, "not_found");
  const auto added = engine_->execute({.key = "test/member", .fingerprint = 1, .now = clock_.now(),
                                       .body = broker::AddMember{*parse_id<BillingAccountIdKind>(ada_.accounts(0)), *parse_id<UserIdKind>(eve.user())}});
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_EQ(see(eve, job_).id(), job_);
}

TEST_F(Isolation, KeysAreRequiredScopedAndKept) {
  v1::SubmitRequest request;
  *request.mutable_principal() = ada_;
  *request.mutable_spec() = spec();
  v1::Job job, other;
  EXPECT_EQ(call(&Stub::Submit, request, &job).code, "invalid_argument");
  request.set_key(std::string(256, 'k'));
  EXPECT_EQ(call(&Stub::Submit, request, &job).code, "invalid_argument");
  request.set_key("k\n");
  EXPECT_EQ(call(&Stub::Submit, request, &job).code, "invalid_argument");
  request.set_key(std::string(255, 'k'));
  ASSERT_TRUE(call(&Stub::Submit, request, &job).ok());
  ASSERT_TRUE(call(&Stub::Submit, request, &other).ok());
  EXPECT_EQ(job.id(), other.id());
  request.mutable_spec()->set_cores(5);
  EXPECT_EQ(call(&Stub::Submit, request, &other).code, "conflict");
  *request.mutable_principal() = bob_;  // another person's same key is another key
  ASSERT_TRUE(call(&Stub::Submit, request, &other).ok());
  EXPECT_NE(other.id(), job.id());
}

TEST_F(Isolation, GarbageIsNamedAndHarmsNothing) {
  const auto refused = [&](const std::function<void(v1::JobSpec&)>& change) {
    v1::SubmitRequest request;
    *request.mutable_principal() = ada_;
    request.set_key(key());
    *request.mutable_spec() = spec();
    change(*request.mutable_spec());
    v1::Job job;
    return call(&Stub::Submit, request, &job).code;
  };
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string("-rf"), std::string("a\0b", 3), std::string(65'536, 'x'),
                                  std::string("\xE2\x80\xAEgpj.exe"), std::string("a\x1b[31m")})
    EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_name(name); }), "invalid_argument") << name.substr(0, 20);
  for (const std::int64_t n : {std::int64_t{-1}, std::int64_t{1} << 31, INT64_MAX, INT64_MIN}) {
    EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_nodes(n); }), "invalid_argument") << n;
    EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_cores(n); }), "invalid_argument") << n;
    EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_gpus(n); }), "invalid_argument") << n;
  }
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX})
    EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_walltime_ms(n); }), "invalid_argument") << n;
  for (const char* budget : {"-1", "1e9", "1,5", "NaN", "9999999999999999999", "1.1234567", " 1", "+1"})
    EXPECT_NE(refused([&](v1::JobSpec& s) { s.set_budget(budget); }), "") << budget;
  EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_script(""); }), "invalid_argument");
  EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_script(std::string((1 << 20) + 1, 'x')); }), "too_large");
  EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_center("nowhere"); }), "invalid_argument");
  EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_objective("free"); }), "invalid_argument");
  EXPECT_EQ(refused([&](v1::JobSpec& s) { s.set_gpu_model("a100; DROP TABLE jobs"); }), "invalid_argument");

  v1::ListJobsRequest list;
  *list.mutable_principal() = ada_;
  v1::ListJobsReply jobs;
  for (const int limit : {-1, 1'000'000'000}) {
    list.set_limit(limit);
    EXPECT_EQ(call(&Stub::ListJobs, list, &jobs).code, "invalid_argument");
  }
  list.set_limit(10);
  list.set_state("sort=;drop");
  EXPECT_EQ(call(&Stub::ListJobs, list, &jobs).code, "invalid_argument");
  list.clear_state();
  list.set_cursor("' OR 1=1");
  EXPECT_EQ(call(&Stub::ListJobs, list, &jobs).code, "invalid_argument");
  for (const std::string& id : {std::string(), std::string("job_"), std::string("job_zzzzzzzzzzzzzzzzzzzzzzzzzz"), job_ + "x", std::string(100'000, 'j')}) {
    v1::TraceRequest trace;
    *trace.mutable_principal() = ada_;
    trace.set_id(id);
    v1::TraceReply chain;
    EXPECT_EQ(call(&Stub::Trace, trace, &chain).code, "not_found") << id.substr(0, 40);
  }
  EXPECT_EQ(see(ada_, job_).id(), job_);
}

}  // namespace
}  // namespace bourse::test
