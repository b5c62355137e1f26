#include "broker/domain/market_fixture.h"

namespace bourse::broker {
namespace {

using ledger::AccountCode;
using ledger::TransferOutcome;

class Accounts : public MarketFixture {
 protected:
  OpenBillingAccount physics() const { return {account, tenant, "physics", kCny, user}; }
};

TEST_F(Accounts, OpeningGivesALimitedWallet) {
  EXPECT_EQ(ok(physics(), "u/1", 11).object, account.uuid);
  EXPECT_EQ(count<BillingAccountOpened>(), 1U);
  EXPECT_EQ(wallet().limit, ledger::Limit::credit_balance);
  EXPECT_EQ(wallet().owner, account.uuid);
  EXPECT_EQ(market.accounts_of(user).size(), 1U);
  EXPECT_TRUE(market.accounts_of(stranger).empty());
  EXPECT_NE(market.ledger().account(Market::platform_account(AccountCode::holds, kCny)), nullptr);
  // The same again changes nothing; under the same id, nothing else.
  ok(physics());
  EXPECT_TRUE(emitted.empty());
  OpenBillingAccount other = physics();
  other.name = "chemistry";
  EXPECT_EQ(error(other), ErrorCode::account_exists);
}

TEST_F(Accounts, BadOnesAreRefused) {
  const auto changed = [&](auto&& change) {
    OpenBillingAccount command = physics();
    change(command);
    return error(command);
  };
  EXPECT_EQ(changed([](auto& c) { c.account = {}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.tenant = {}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.owner = {}; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.name = "a\nb"; }), ErrorCode::invalid_argument);
  EXPECT_EQ(changed([](auto& c) { c.unit = Unit{{'c', 'n', 'y', 0}}; }), ErrorCode::invalid_argument);
  EXPECT_TRUE(market.ledger().accounts().empty());
}

TEST_F(Accounts, MembersShareTheWallet) {
  ok(physics());
  ok(AddMember{account, stranger});
  EXPECT_EQ(market.accounts_of(stranger).size(), 1U);
  ok(AddMember{account, stranger});
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(error(AddMember{id_of<BillingAccountId>(9), stranger}), ErrorCode::not_found);
  EXPECT_EQ(error(AddMember{account, {}}), ErrorCode::invalid_argument);
}

TEST_F(Accounts, WhoLeavesSpendsNoMoreAndHisJobsGoOn) {
  open_market();
  ok(AddMember{account, stranger});
  const JobId job = id_of<JobId>(++serial_);
  ok(SubmitJob{job, id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, stranger, {}, spec()});
  start(job);
  ok(RemoveMember{account, stranger, user});
  EXPECT_EQ(first<MemberRemoved>().by, user);
  EXPECT_TRUE(market.accounts_of(stranger).empty());
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, stranger, {}, spec()}), ErrorCode::not_found);
  EXPECT_EQ(error(CancelJob{job, stranger, "mine"}), ErrorCode::not_found);
  advance(hours(1));
  report(north, {happens(job, Happening::ended), used(job, hours(1))});
  EXPECT_EQ(to_text(market.spending(account, stranger)->total), "1.44");
  EXPECT_EQ(market.job(job)->state, JobState::ended);
  // Back again, he has spent what he had.
  ok(SetMemberLimits{account, user, {.total = *parse_amount("1000")}});
  ok(AddMember{account, stranger});
  ok(SetMemberLimits{account, stranger, {.total = *parse_amount("2.00")}});
  EXPECT_EQ(error(SubmitJob{id_of<JobId>(++serial_), id_of<AttemptId>(++serial_), id_of<HoldId>(++serial_), account, stranger, {}, spec()}), ErrorCode::member_limit);
}

TEST_F(Accounts, TheOwnerStays) {
  ok(physics());
  EXPECT_EQ(error(RemoveMember{account, user, user}), ErrorCode::failed_precondition);
  EXPECT_EQ(error(RemoveMember{account, stranger, user}), ErrorCode::not_found);
  EXPECT_EQ(error(RemoveMember{id_of<BillingAccountId>(9), user, user}), ErrorCode::not_found);
}

TEST_F(Accounts, AreBoundedForAPerson) {
  for (std::uint64_t i = 1; i <= kMaxOwnedAccounts; ++i) ok(OpenBillingAccount{id_of<BillingAccountId>(i), tenant, "one", i % 2 == 0 ? kCny : *parse_unit("USD"), user});
  const OpenBillingAccount more{id_of<BillingAccountId>(1'000), tenant, "one", kCny, user};
  EXPECT_EQ(error(more), ErrorCode::too_large);
  ok(OpenBillingAccount{id_of<BillingAccountId>(1'001), tenant, "one", kCny, stranger});
  ok(AddMember{id_of<BillingAccountId>(1'001), user});  // not his own
  ok(OpenBillingAccount{id_of<BillingAccountId>(1), tenant, "one", *parse_unit("USD"), user});
}

TEST_F(Accounts, FundingPostsFromTheBank) {
  ok(physics());
  const FundAccount funding{account, *parse_amount("12.34"), id_of<TransferId>(7), Uuid{1, 7}};
  ok(funding, "f/1");
  const auto& posted = first<ledger::Posted>();
  EXPECT_EQ(posted.code, ledger::TransferCode::top_up);
  EXPECT_EQ(posted.debit, Market::platform_account(AccountCode::bank_clearing, kCny));
  EXPECT_EQ(posted.reference, (Uuid{1, 7}));
  EXPECT_EQ(wallet().balance(), *parse_amount("12.34"));
  // The transfer's id makes it happen once even under another key; with another amount it is a conflict.
  ok(funding, "f/2");
  EXPECT_EQ(wallet().balance(), *parse_amount("12.34"));
  FundAccount other = funding;
  other.amount = Amount::whole(99);
  EXPECT_EQ(error(other), ErrorCode::conflict);
  for (const std::int64_t micros : {0L, -1L}) {
    other.amount = Amount::of_micros(micros);
    EXPECT_EQ(error(other), ErrorCode::amount_not_positive);
  }
  EXPECT_EQ(error(FundAccount{id_of<BillingAccountId>(9), Amount::whole(1), id_of<TransferId>(8), {}}),
            ErrorCode::not_found);
  EXPECT_EQ(error(FundAccount{account, Amount::whole(1), {}, {}}), ErrorCode::invalid_argument);
}

TEST_F(Accounts, AKeyIsAnsweredOnceForEver) {
  EXPECT_FALSE(ok(physics(), "u/1", 11).repeated);
  const auto again = ok(physics(), "u/1", 11);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.object, account.uuid);
  EXPECT_TRUE(emitted.empty());
  EXPECT_EQ(error(physics(), "u/1", 12), ErrorCode::conflict);
  EXPECT_TRUE(emitted.empty());

  // A refusal is an answer too: it stays, even when the reason for it is gone.
  const FundAccount early{id_of<BillingAccountId>(5), Amount::whole(1), id_of<TransferId>(1), {}};
  EXPECT_EQ(error(early, "u/2"), ErrorCode::not_found);
  EXPECT_EQ(first<CommandAnswered>().error, ErrorCode::not_found);
  ok(OpenBillingAccount{id_of<BillingAccountId>(5), tenant, "late", kCny, user});
  EXPECT_EQ(error(early, "u/2"), ErrorCode::not_found);
  EXPECT_FALSE(error(early, "u/3"));

  EXPECT_EQ(error(physics(), std::string(kMaxKey + 1, 'k')), ErrorCode::invalid_argument);
  EXPECT_TRUE(emitted.empty());
}

TEST_F(Accounts, OldKeysAreForgottenFirst) {
  Market small(Limits{.answered_keys = 2});
  const auto ask = [&](std::string key) {
    const Command command{.key = std::move(key), .now = now, .body = physics()};
    return small.decide(command, [](Event&&) {})->repeated;
  };
  EXPECT_FALSE(ask("1"));
  EXPECT_FALSE(ask("2"));
  EXPECT_FALSE(ask("3"));
  EXPECT_TRUE(ask("2"));
  EXPECT_FALSE(ask("1"));
}

TEST_F(Accounts, RawTransfersHaveAnOutcomeEach) {
  const auto opened = [](std::uint64_t n, ledger::Limit limit) {
    return ledger::AccountOpened{
        .account = id_of<LedgerAccountId>(n), .unit = kCny, .code = AccountCode::wallet, .limit = limit};
  };
  PostTransfers command{{opened(1, ledger::Limit::none), opened(2, ledger::Limit::credit_balance)}, {}};
  const auto transfer = [](std::uint64_t n, std::uint64_t from, std::uint64_t to, std::int64_t micros) {
    return ledger::TransferRequest{.id = id_of<TransferId>(n),
                                   .debit = id_of<LedgerAccountId>(from),
                                   .credit = id_of<LedgerAccountId>(to),
                                   .amount = Amount::of_micros(micros)};
  };
  command.transfers = {transfer(1, 1, 2, 100), transfer(2, 2, 1, 60), transfer(3, 2, 1, 60), transfer(1, 1, 2, 100)};
  const auto outcomes = ok(command).transfers;
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_EQ(outcomes[0].kind, TransferOutcome::Kind::posted);
  EXPECT_EQ(outcomes[1].kind, TransferOutcome::Kind::posted);
  EXPECT_EQ(outcomes[2].error, ErrorCode::insufficient_funds);
  EXPECT_EQ(outcomes[3].kind, TransferOutcome::Kind::existed);
  EXPECT_EQ(count<ledger::Posted>(), 2U);
  EXPECT_EQ(count<ledger::TransferRefused>(), 1U);

  command.open = {opened(3, ledger::Limit::none), opened(3, ledger::Limit::credit_balance)};
  EXPECT_EQ(error(command), ErrorCode::account_exists);
  EXPECT_TRUE(emitted.empty());
  command.open.clear();
  command.transfers.resize(kMaxTransfers + 1);
  EXPECT_EQ(error(command), ErrorCode::too_large);
}

}  // namespace
}  // namespace bourse::broker
