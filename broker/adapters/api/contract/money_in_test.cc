// Wrong money in, taken back over the API and a real store: by two people, once, and seen in every book.
#include <algorithm>
#include <thread>

#include "broker/adapters/api/contract/books_world.h"

namespace bourse::test {
namespace {

class TakesBack : public BooksWorld {
 protected:
  v1::ListTopUpsReply top_ups(const std::string& account = {}) {
    v1::ListTopUpsRequest request;
    request.set_account(account);
    v1::ListTopUpsReply reply;
    EXPECT_EQ(ask(&Stub::ListTopUps, request, finance_, &reply), "") << detail_;
    return reply;
  }
  v1::ReverseMoneyInRequest reversal(const std::string& id, const std::string& amount = {}) {
    v1::ReverseMoneyInRequest request;
    request.set_id(id);
    request.set_amount(amount);
    request.set_reason("the wrong account");
    return request;
  }
  std::string reverse(const std::string& id, const std::string& amount = {}) { return ask(&Stub::ReverseMoneyIn, reversal(id, amount), finance_, &reversed_); }
  v1::Lot grant(const std::string& amount) {
    v1::GrantLotRequest request;
    request.set_account(ada_.accounts(0));
    request.mutable_money()->set_amount(amount);
    request.mutable_money()->set_unit("CNY");
    request.set_expires_ms((clock_.now() + hours(24)).unix_ms);
    request.set_reason("a course");
    v1::Lot lot;
    EXPECT_EQ(ask(&Stub::GrantLot, request, finance_, &lot), "") << detail_;
    return lot;
  }
  // The bill of the running month adds up, or there is none.
  v1::Bill bill() {
    projector_settled();
    v1::GetBillRequest request;
    request.set_account(ada_.accounts(0));
    request.set_month(today().substr(0, 7));
    v1::Bill out;
    EXPECT_EQ(ask(&Stub::GetBill, request, ada_, &out), "") << detail_;
    return out;
  }
  void verify() {
    v1::VerifyLedgerReply reply;
    EXPECT_EQ(ask(&Stub::VerifyLedger, v1::VerifyLedgerRequest{}, finance_, &reply), "");
    for (const std::string& difference : reply.differences()) ADD_FAILURE() << difference;
    EXPECT_TRUE(reply.ok());
  }

  v1::MoneyInReversal reversed_;
};

TEST_F(TakesBack, ATopUpIsInEveryBook) {
  fund(ada_, "30");
  const v1::ListTopUpsReply listed = top_ups(ada_.accounts(0));
  ASSERT_EQ(listed.top_ups_size(), 2);
  EXPECT_EQ(listed.top_ups(0).money().amount(), "30.00");
  EXPECT_EQ(listed.top_ups(0).account_name(), "Person ada");
  EXPECT_EQ(top_ups(bob_.accounts(0)).top_ups_size(), 0);
  const std::string id = listed.top_ups(0).id();
  v1::MoneyInReversal out;
  EXPECT_EQ(ask(&Stub::ReverseMoneyIn, reversal(id), ada_, &out), "forbidden");
  EXPECT_EQ(ask(&Stub::ReverseMoneyIn, reversal(id), operator_, &out), "forbidden");
  for (const char* bad : {"", "tra_", "x", "acc_06A1B2C3D4E5F6G7H8J9KAMBNC"}) EXPECT_EQ(reverse(bad), "not_found") << bad;
  EXPECT_EQ(reverse(to_text(TransferId{{1, 2}})), "not_found");
  EXPECT_EQ(reverse(to_text(LotId{{1, 2}})), "not_found");
  EXPECT_EQ(reverse(id, "30.01"), "invalid_argument");
  EXPECT_EQ(reverse(id, "1,5"), "invalid_argument");
  ASSERT_EQ(reverse(id), "") << detail_;
  EXPECT_EQ(reversed_.kind(), "top_up");
  EXPECT_EQ(reversed_.money().amount(), "30.00");
  EXPECT_EQ(reversed_.whole().amount(), "30.00");
  EXPECT_EQ(reverse(id), "failed_precondition");
  EXPECT_EQ(to_text(balance()), "100.00");
  EXPECT_EQ(top_ups().top_ups(0).reversal().reason(), "the wrong account");

  const v1::Bill in = bill();
  EXPECT_EQ(in.money_in(), "100.00");
  EXPECT_EQ(in.closing(), "100.00");
  ASSERT_EQ(in.items_size(), 3);
  EXPECT_EQ(in.items(2).kind(), "top_up_reversed");
  EXPECT_EQ(in.items(2).amount(), "-30.00");
  EXPECT_EQ(in.items(2).reason(), "the wrong account");
  EXPECT_EQ(in.items(2).reference(), in.items(1).reference());  // the bank's own words, as those of what came in
  v1::ListEntriesRequest entries;
  entries.set_account(ada_.accounts(0));
  v1::ListEntriesReply own;
  ASSERT_EQ(ask(&Stub::ListEntries, entries, ada_, &own), "");
  EXPECT_EQ(own.entries(own.entries_size() - 1).code(), "top_up_reversed");
  EXPECT_EQ(own.closing(), "100.00");
  // Nobody asks the bank for what was taken back.
  days_ago(6);
  v1::ListBreaksRequest breaks;
  breaks.set_source("top_up");
  v1::ListBreaksReply open;
  ASSERT_EQ(ask(&Stub::ListBreaks, breaks, finance_, &open), "");
  EXPECT_EQ(open.total(), 1);  // the other one
}

TEST_F(TakesBack, TheSameReferenceElsewhereIsStillAskedFor) {
  const auto enter = [&](const v1::Principal& whose) {
    v1::FundAccountRequest request;
    request.set_account(whose.accounts(0));
    request.mutable_money()->set_amount("30");
    request.mutable_money()->set_unit("CNY");
    request.set_bank_reference("REF1");
    v1::Wallet wallet;
    EXPECT_EQ(ask(&Stub::FundAccount, request, finance_, &wallet), "") << detail_;
  };
  enter(ada_);
  projector_settled();
  ASSERT_EQ(reverse(top_ups(ada_.accounts(0)).top_ups(0).id()), "") << detail_;
  const auto asked_for = [&] {
    v1::ListBreaksRequest breaks;
    breaks.set_source("top_up");
    v1::ListBreaksReply open;
    EXPECT_EQ(ask(&Stub::ListBreaks, breaks, finance_, &open), "");
    return static_cast<int>(std::ranges::count_if(open.breaks(), [](const v1::Break& one) { return one.detail().find("REF1") != std::string::npos; }));
  };
  days_ago(6);
  EXPECT_EQ(asked_for(), 0);
  enter(bob_);
  days_ago(6);
  EXPECT_EQ(asked_for(), 1);
}

// A month that owed nothing owes nothing afterwards, whatever is taken back later against the credit limit.
TEST_F(TakesBack, AnEarlierMonthOwesNoMoreForIt) {
  allow_credit("50");
  run("p", seconds(30));
  projector_settled();
  days_ago(40);
  ASSERT_EQ(reverse(top_ups(ada_.accounts(0)).top_ups(0).id()), "") << detail_;
  ASSERT_TRUE(balance().is_negative());
  projector_settled();
  v1::ListBillsRequest request;
  request.set_account(ada_.accounts(0));
  v1::ListBillsReply reply;
  ASSERT_EQ(ask(&Stub::ListBills, request, ada_, &reply), "") << detail_;
  const v1::Bill& earlier = reply.bills(reply.bills_size() - 1);
  EXPECT_EQ(earlier.due_state(), "nothing_due");
  EXPECT_EQ(earlier.outstanding(), "0.00");
}

TEST_F(TakesBack, NoMoreThanIsThere) {
  run("p", seconds(30));
  const Amount left = balance();
  ASSERT_LT(left, Amount::whole(100));
  const std::string id = top_ups(ada_.accounts(0)).top_ups(0).id();
  EXPECT_EQ(reverse(id), "insufficient_funds");
  EXPECT_NE(detail_.find("Only " + to_text(left) + " CNY"), std::string::npos) << detail_;
  ASSERT_EQ(reverse(id, to_text(left)), "") << detail_;
  EXPECT_TRUE(balance().is_zero());
  bill();
  verify();
}

TEST_F(TakesBack, AGiftsLotShrinks) {
  const v1::Lot lot = grant("20");
  ASSERT_EQ(reverse(lot.id(), "15"), "") << detail_;
  EXPECT_EQ(reversed_.kind(), "grant");
  v1::ListLotsRequest list;
  list.set_account(ada_.accounts(0));
  v1::ListLotsReply lots;
  ASSERT_EQ(ask(&Stub::ListLots, list, ada_, &lots), "");
  ASSERT_EQ(lots.lots_size(), 1);
  EXPECT_EQ(lots.lots(0).left().amount(), "5.00");
  EXPECT_EQ(reverse(lot.id(), "1"), "failed_precondition");
  const v1::Bill in = bill();
  EXPECT_EQ(in.money_in(), "100.00");
  EXPECT_EQ(in.other(), "5.00");
  EXPECT_EQ(in.items(2).reason(), "the wrong account");
  verify();
  stop();
  start();
  EXPECT_EQ(reverse(lot.id(), "1"), "failed_precondition");
}

TEST_F(TakesBack, APackageGivesItsPriceBack) {
  v1::PublishProductsRequest products;
  v1::Product& product = *products.add_products();
  product.set_name("starter");
  product.set_du("3");
  product.mutable_price()->set_amount("10");
  product.mutable_price()->set_unit("CNY");
  product.set_valid_days(90);
  v1::ProductList on_sale;
  ASSERT_EQ(ask(&Stub::PublishProducts, products, finance_, &on_sale), "") << detail_;
  v1::BuyPackageRequest buy;
  buy.set_product(on_sale.products(0).id());
  v1::Lot lot;
  ASSERT_EQ(ask(&Stub::BuyPackage, buy, ada_, &lot), "") << detail_;
  EXPECT_EQ(to_text(balance()), "90.00");
  ASSERT_EQ(reverse(lot.id()), "") << detail_;
  EXPECT_EQ(reversed_.kind(), "package");
  EXPECT_EQ(reversed_.money().unit(), "DU");
  EXPECT_EQ(reversed_.back().amount(), "10.00");
  EXPECT_EQ(to_text(balance()), "100.00");
  const v1::Bill in = bill();
  EXPECT_EQ(in.charges(), "0.00");
  EXPECT_EQ(in.closing(), "100.00");
  verify();
}

TEST_F(TakesBack, ManyAtOnceAreOne) {
  const std::string id = top_ups(ada_.accounts(0)).top_ups(0).id();
  std::vector<std::string> codes(8);
  std::vector<std::thread> people;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    v1::ReverseMoneyInRequest request = reversal(id, "10");
    request.set_key("at once " + std::to_string(i));
    *request.mutable_principal() = finance_;
    people.emplace_back([this, request, &code = codes[i]] {
      v1::MoneyInReversal out;
      code = call(&Stub::ReverseMoneyIn, request, &out).code;
    });
  }
  for (std::thread& one : people) one.join();
  EXPECT_EQ(std::ranges::count(codes, ""), 1);
  EXPECT_EQ(std::ranges::count(codes, "failed_precondition"), 7);
  EXPECT_EQ(to_text(balance()), "90.00");
  verify();
}

TEST_F(TakesBack, TwoPeopleAreAsked) {
  stop();
  two_people_ = true;
  start();
  const std::string id = top_ups(ada_.accounts(0)).top_ups(0).id();
  ASSERT_EQ(reverse(id), "") << detail_;
  ASSERT_FALSE(reversed_.proposal().id().empty());
  EXPECT_EQ(reversed_.proposal().act().reverse_money_in().money().amount(), "100.00");
  EXPECT_NE(reversed_.proposal().text().find("Take 100.00 CNY of top-up tra_"), std::string::npos) << reversed_.proposal().text();
  EXPECT_EQ(to_text(balance()), "100.00");
  v1::EndProposalRequest approve;
  approve.set_proposal(reversed_.proposal().id());
  v1::Proposal ended;
  EXPECT_EQ(ask(&Stub::ApproveProposal, approve, finance_, &ended), "forbidden");
  EXPECT_EQ(ask(&Stub::ApproveProposal, approve, operator_, &ended), "forbidden");
  const v1::Principal fritz = sign_in("fritz", "The Market", {"finance"});
  EXPECT_EQ(ask(&Stub::ApproveProposal, approve, fritz, &ended), "") << detail_;
  EXPECT_TRUE(balance().is_zero());
  verify();
}

}  // namespace
}  // namespace bourse::test
