// Accounts that are shared, and accounts in other currencies, as their owners make them.
#include "broker/adapters/api/contract/books_world.h"
#include "broker/adapters/statement/statement.h"

namespace bourse::test {
namespace {

class Members : public BooksWorld {
 protected:
  void SetUp() override {
    BooksWorld::SetUp();
    cy_ = sign_in("cy", "Demo University", {"user"});
  }
  std::string add(const v1::Principal& who, const std::string& user, const std::string& issuer = {}) {
    v1::MemberRequest request;
    request.set_account(ada_.accounts(0));
    request.set_user(user);
    request.set_issuer(issuer);
    return ask(&Stub::AddMember, request, who, &member_);
  }
  std::string remove(const v1::Principal& who, const std::string& user) {
    v1::MemberRequest request;
    request.set_account(ada_.accounts(0));
    request.set_user(user);
    v1::Empty nothing;
    return ask(&Stub::RemoveMember, request, who, &nothing);
  }
  std::string submits(const v1::Principal& who, std::string* id = nullptr) {
    v1::SubmitRequest request;
    request.set_account(ada_.accounts(0));
    *request.mutable_spec() = spec();
    v1::Job job;
    const std::string code = ask(&Stub::Submit, request, who, &job);
    if (id != nullptr) *id = job.id();
    return code;
  }
  std::string verified() {
    v1::VerifyLedgerReply reply;
    EXPECT_EQ(ask(&Stub::VerifyLedger, v1::VerifyLedgerRequest{}, finance_, &reply), "");
    for (const std::string& difference : reply.differences()) ADD_FAILURE() << difference;
    return reply.ok() ? "" : "differs";
  }

  v1::Principal cy_;
  v1::Member member_;
};

// Whoever names no account means his own, although an older one was shared with him.
TEST_F(Members, BeingOneChangesNotWhoPays) {
  fund(cy_, "5");
  ASSERT_EQ(add(ada_, cy_.user()), "");
  v1::SubmitRequest request;
  *request.mutable_spec() = spec();
  v1::Job job;
  ASSERT_EQ(ask(&Stub::Submit, request, cy_, &job), "") << detail_;
  EXPECT_EQ(job.account(), cy_.accounts(0));
}

TEST_F(Members, AreTheOwnersToAddAndRemove) {
  EXPECT_EQ(submits(cy_), "not_found");
  EXPECT_EQ(add(bob_, cy_.user()), "not_found");
  EXPECT_EQ(add(cy_, cy_.user()), "not_found");
  EXPECT_EQ(add(finance_, cy_.user()), "not_found");
  EXPECT_EQ(add(ada_, bob_.user()), "not_found");  // of another tenant
  EXPECT_EQ(add(ada_, "nobody", "https://idp.test"), "not_found");
  ASSERT_EQ(add(ada_, "cy", "https://idp.test"), "") << detail_;
  EXPECT_EQ(member_.user(), cy_.user());
  EXPECT_EQ(member_.name(), "Person cy");
  EXPECT_EQ(add(ada_, cy_.user()), "");  // he is one already
  std::string job;
  ASSERT_EQ(submits(cy_, &job), "") << detail_;
  EXPECT_EQ(add(cy_, cy_.user()), "not_found");  // a member is no owner
  EXPECT_EQ(remove(cy_, cy_.user()), "not_found");
  EXPECT_EQ(remove(ada_, ada_.user()), "failed_precondition");
  EXPECT_EQ(remove(ada_, bob_.user()), "not_found");

  ASSERT_EQ(remove(ada_, cy_.user()), "");
  EXPECT_EQ(submits(cy_), "not_found");
  v1::GetJobRequest get;
  get.set_job(job);
  v1::Job seen;
  EXPECT_EQ(ask(&Stub::GetJob, get, cy_, &seen), "not_found");
  run_job(alpha_, job, seconds(30));  // what he runs goes on, and is the account's to pay
  EXPECT_EQ(see(ada_, job).state(), "ended");
  EXPECT_GT(charged(job).micros, 0);
  v1::ListMembersRequest list;
  list.set_account(ada_.accounts(0));
  v1::ListMembersReply members;
  ASSERT_EQ(ask(&Stub::ListMembers, list, ada_, &members), "");
  EXPECT_EQ(members.members_size(), 1);
  EXPECT_EQ(add(ada_, cy_.user()), "");
  EXPECT_EQ(member_.spent(), to_text(charged(job)));
  EXPECT_EQ(verified(), "");
  projector_settled();
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.account_members WHERE removed"), "1");
  // After a restart it is as it was.
  stop();
  start();
  EXPECT_EQ(submits(cy_), "center_unavailable");  // no center has said yet that it is there; else he may
}

TEST_F(Members, HaveLimitsOfTheirOwn) {
  ASSERT_EQ(add(ada_, cy_.user()), "");
  const auto limit = [&](auto&& change) {
    v1::SetMemberLimitsRequest request;
    request.set_account(ada_.accounts(0));
    request.set_user(cy_.user());
    change(*request.mutable_limits());
    EXPECT_EQ(ask(&Stub::SetMemberLimits, request, ada_, &member_), "") << detail_;
  };
  const std::string little = "0.01";  // less than any job is held for
  limit([&](v1::MemberLimits& l) { l.set_total(little); });
  EXPECT_EQ(submits(cy_), "member_limit");
  EXPECT_NE(detail_.find("in all"), std::string::npos) << detail_;
  limit([&](v1::MemberLimits& l) { l.set_per_day(little); });
  EXPECT_EQ(submits(cy_), "member_limit");
  EXPECT_NE(detail_.find("for a day"), std::string::npos) << detail_;
  limit([&](v1::MemberLimits& l) { l.set_per_month(little); });
  EXPECT_EQ(submits(cy_), "member_limit");
  EXPECT_NE(detail_.find("for a month"), std::string::npos) << detail_;
  EXPECT_EQ(submits(ada_), "");  // they are his, not the account's
  limit([&](v1::MemberLimits& l) { l.set_total("50"); });
  EXPECT_EQ(submits(cy_), "");
  EXPECT_EQ(verified(), "");
}

TEST_F(Members, OpenAccountsInOtherCurrencies) {
  const auto open = [&](const v1::Principal& who, const std::string& name, const std::string& unit, v1::Wallet* out) {
    v1::OpenAccountRequest request;
    request.set_name(name);
    request.set_unit(unit);
    return ask(&Stub::OpenAccount, request, who, out);
  };
  v1::Wallet wallet;
  EXPECT_EQ(open(ada_, "", "USD", &wallet), "invalid_argument");
  EXPECT_EQ(open(ada_, "dollars", "usd", &wallet), "invalid_argument");
  EXPECT_EQ(open(ada_, "dollars", "DU", &wallet), "invalid_argument");
  EXPECT_EQ(open(finance_, "dollars", "USD", &wallet), "forbidden");
  ASSERT_EQ(open(ada_, "dollars", "USD", &wallet), "") << detail_;
  EXPECT_EQ(wallet.unit(), "USD");

  // A center for each currency: each account is sold its own, and neither is paid with the other's money.
  StubCenter omega = enrol("omega", "USD");
  open_for_business(omega, "USD");
  v1::FundAccountRequest funding;
  funding.set_account(wallet.account());
  funding.mutable_money()->set_amount("50");
  funding.mutable_money()->set_unit("CNY");
  funding.set_bank_reference("wire in dollars");
  v1::Wallet funded;
  EXPECT_EQ(ask(&Stub::FundAccount, funding, finance_, &funded), "unit_mismatch");
  funding.mutable_money()->set_unit("USD");
  ASSERT_EQ(ask(&Stub::FundAccount, funding, finance_, &funded), "") << detail_;
  const std::string yuan = run("p");
  v1::SubmitRequest request;
  request.set_account(wallet.account());
  *request.mutable_spec() = spec();
  v1::Job dollars;
  ASSERT_EQ(ask(&Stub::Submit, request, ada_, &dollars), "") << detail_;
  run_job(omega, dollars.id(), seconds(30));
  EXPECT_EQ(see(ada_, yuan).center_name(), "alpha");
  EXPECT_EQ(see(ada_, dollars.id()).center_name(), "omega");
  EXPECT_EQ(see(ada_, yuan).charged().unit(), "CNY");
  EXPECT_EQ(see(ada_, dollars.id()).charged().unit(), "USD");

  for (const auto& [center, unit] : {std::pair("alpha", "CNY"), std::pair("omega", "USD")}) {
    v1::SettleRequest settle;
    settle.set_center(center);
    v1::SettleReply settled;
    ASSERT_EQ(ask(&Stub::Settle, settle, finance_, &settled), "") << detail_;
    EXPECT_EQ(settled.statement().gross().unit(), unit);
    EXPECT_EQ(settled.statement().captures(), 1U);
    v1::GetStatementRequest get;
    get.set_period(settled.period());
    v1::Document document;
    ASSERT_EQ(ask(&Stub::GetStatement, get, finance_, &document), "");
    const statement::Verification checked = statement::verify(document.data());
    EXPECT_TRUE(checked.ok) << (checked.differences.empty() ? "" : checked.differences[0]);
    EXPECT_EQ(checked.unit, unit);
  }
  v1::TrialBalanceReply trial;
  ASSERT_EQ(ask(&Stub::TrialBalance, v1::TrialBalanceRequest{}, finance_, &trial), "");
  EXPECT_EQ(trial.totals_size(), 2);
  for (const v1::UnitTotal& total : trial.totals()) EXPECT_EQ(total.debits_posted(), total.credits_posted()) << total.unit();
  // No transfer joins accounts of two units.
  projector_settled();
  EXPECT_EQ(database_.ask("SELECT count(*) FROM market.transfers t JOIN market.ledger_accounts d ON d.id = t.debit "
                          "JOIN market.ledger_accounts c ON c.id = t.credit WHERE d.unit <> c.unit"), "0");
  EXPECT_EQ(verified(), "");
}

}  // namespace
}  // namespace bourse::test
