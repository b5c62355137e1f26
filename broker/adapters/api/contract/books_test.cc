// Statements of accounts and usage: that they add up, and who sees how much.
#include <nlohmann/json.hpp>
#include <sstream>

#include "broker/adapters/api/contract/books_world.h"
#include "base/sha256.h"
#include "broker/adapters/link/link_server.h"

namespace bourse::test {
namespace {

using nlohmann::json;
using namespace broker;

class Entries : public BooksWorld {
 protected:
  v1::ListEntriesReply entries(const v1::Principal& who, const std::string& account, bool legs = false, const std::string& from = {}, const std::string& to = {}) {
    v1::ListEntriesRequest request;
    request.set_account(account);
    request.set_legs(legs ? 1 : 0);
    request.set_from(from);
    request.set_to(to);
    v1::ListEntriesReply reply;
    EXPECT_EQ(ask(&Stub::ListEntries, request, who, &reply), "") << detail_;
    return reply;
  }
  static Amount amount(const std::string& text) { return text.empty() ? Amount{} : *parse_amount(text); }
  // Each balance is the one before and what moved, and the last is the closing one.
  static void adds_up(const v1::ListEntriesReply& reply) {
    Amount balance = amount(reply.opening());
    for (const v1::LedgerEntry& entry : reply.entries()) {
      balance += amount(entry.credit()) - amount(entry.debit());
      EXPECT_EQ(amount(entry.balance()), balance);
    }
    EXPECT_EQ(amount(reply.closing()), balance);
  }
};

TEST_F(Entries, AnOwnerSeesChargesWhole) {
  const std::string job = run("rocks");
  refund(job, "0.001");
  const v1::ListEntriesReply own = entries(ada_, ada_.accounts(0));
  adds_up(own);
  EXPECT_EQ(amount(own.closing()), balance());
  ASSERT_EQ(own.entries_size(), 3);
  EXPECT_EQ(own.entries(0).code(), "top_up");
  EXPECT_EQ(own.entries(1).code(), "charge");
  EXPECT_EQ(own.entries(2).code(), "correction");
  EXPECT_EQ(amount(own.entries(1).debit()), charged(job));
  EXPECT_EQ(amount(own.entries(2).credit()), Amount::of_micros(1'000));
  for (int i : {1, 2}) {
    EXPECT_EQ(own.entries(i).job(), job);
    EXPECT_EQ(own.entries(i).project(), "rocks");
    EXPECT_EQ(own.entries(i).center_name(), "alpha");
    EXPECT_EQ(own.entries(i).counter(), "");  // what the center and the platform get is not the owner's to see
  }
  // Not even when he asks for the legs.
  EXPECT_EQ(entries(ada_, ada_.accounts(0), true).entries_size(), 3);
  const v1::ListEntriesReply legs = entries(finance_, ada_.accounts(0), true);
  adds_up(legs);
  EXPECT_EQ(legs.entries_size(), 7);
  EXPECT_EQ(legs.closing(), own.closing());
  EXPECT_NE(legs.entries(1).counter(), "");
}

TEST_F(Entries, PagesAndDaysTellTheSame) {
  for (int i = 0; i < 3; ++i) run("p");
  days_ago(3);
  run("p");
  const v1::ListEntriesReply all = entries(ada_, ada_.accounts(0));
  adds_up(all);
  ASSERT_EQ(all.entries_size(), 5);
  const v1::ListEntriesReply newer = entries(ada_, ada_.accounts(0), false, today(1)), older = entries(ada_, ada_.accounts(0), false, "", today(2));
  adds_up(newer);
  adds_up(older);
  EXPECT_EQ(newer.entries_size(), 1);
  EXPECT_EQ(older.entries_size(), 4);
  EXPECT_EQ(older.opening(), "0.00");
  EXPECT_EQ(older.closing(), newer.opening());
  EXPECT_EQ(newer.closing(), all.closing());
  v1::ListEntriesRequest request;
  request.set_account(ada_.accounts(0));
  request.set_limit(1);
  for (int i = 0; i < all.entries_size(); ++i) {
    v1::ListEntriesReply page;
    ASSERT_EQ(ask(&Stub::ListEntries, request, ada_, &page), "");
    ASSERT_EQ(page.entries_size(), 1);
    EXPECT_EQ(page.entries(0).SerializeAsString(), all.entries(i).SerializeAsString());
    request.set_cursor(page.next_cursor());
  }
  EXPECT_EQ(request.cursor(), "");
  for (const char* cursor : {"x", "1", "-1", "1-x", "1-2-3"}) {
    request.set_cursor(cursor);
    v1::ListEntriesReply page;
    EXPECT_EQ(ask(&Stub::ListEntries, request, ada_, &page), "invalid_argument") << cursor;
  }
}

TEST_F(Entries, FinanceSeesEveryLedgerAccount) {
  const std::string job = run("p");
  Amount parts;
  for (const char* account : {"tax_payable", "platform_revenue", "alpha"}) {
    const v1::ListEntriesReply reply = entries(finance_, account);
    adds_up(reply);
    parts += amount(reply.closing());
    EXPECT_EQ(entries(finance_, reply.account().id()).closing(), reply.closing());
  }
  EXPECT_EQ(parts, charged(job));
  v1::ListEntriesRequest request;
  v1::ListEntriesReply reply;
  for (const char* account : {"tax_payable", "alpha"}) {
    request.set_account(account);
    EXPECT_EQ(ask(&Stub::ListEntries, request, ada_, &reply), "forbidden");
  }
  for (const char* account : {"", "nobody", "acc_x", "tax_payable:xx"}) {
    request.set_account(account);
    EXPECT_EQ(ask(&Stub::ListEntries, request, finance_, &reply), "not_found") << account;
  }
  request.set_account(ada_.accounts(0));
  request.set_from("2026-02-30");
  EXPECT_EQ(ask(&Stub::ListEntries, request, ada_, &reply), "invalid_argument");
}

TEST_F(Entries, TheJournalOfASpanAddsUp) {
  run("p");
  days_ago(3);
  run("p");
  submit(ada_, spec());
  const auto read = [&](const v1::Principal& who, const std::string& from, const std::string& to, std::vector<json>& out) {
    v1::ExportLedgerRequest request;
    *request.mutable_principal() = who;
    request.set_format("jsonl");
    request.set_from(from);
    request.set_to(to);
    grpc::ClientContext context;
    const auto reader = stub_->ExportLedger(&context, request);
    std::string text;
    for (v1::Chunk chunk; reader->Read(&chunk);) text += chunk.data();
    const grpc::Status status = reader->Finish();
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out.push_back(json::parse(line));
    return answer(status, context).code;
  };
  std::map<std::string, Amount> closing_before;
  for (const auto& [from, to] : {std::pair(std::string(), today(2)), std::pair(today(1), std::string())}) {
    std::vector<json> lines;
    ASSERT_EQ(read(finance_, from, to, lines), "");
    std::map<std::string, Amount> opening, moved, closing;
    int pending = 0;
    for (const json& line : lines) {
      if (line.contains("account")) {
        opening[line["account"]] = amount(line["opening"]);
        closing[line["account"]] = amount(line["closing"]);
      } else if (line["pending"]) {
        ++pending;
      } else {
        moved[line["debit"]] += amount(line["amount"]);
        moved[line["credit"]] -= amount(line["amount"]);
      }
    }
    EXPECT_GT(pending, 0);
    for (const auto& [account, balance] : closing) EXPECT_EQ(balance, opening[account] + moved[account]) << account;
    if (!closing_before.empty()) EXPECT_EQ(opening, closing_before);
    closing_before = closing;
  }
  std::vector<json> nothing;
  EXPECT_EQ(read(ada_, "", "", nothing), "forbidden");
}

class UsageBooks : public BooksWorld {
 protected:
  v1::GetUsageReply usage(const std::string& by, const std::string& from, const std::string& to) {
    v1::GetUsageRequest request;
    request.set_account(ada_.accounts(0));
    request.set_by(by);
    request.set_from(from);
    request.set_to(to);
    v1::GetUsageReply reply;
    EXPECT_EQ(ask(&Stub::GetUsage, request, ada_, &reply), "") << detail_;
    return reply;
  }
};

TEST_F(UsageBooks, AReadingBelongsToTheDayInWhichItsUsageEnded) {
  // One job, read before midnight in Shanghai and after it.
  v1::JobSpec what = spec();
  what.set_project("night");
  const std::string id = submit(ada_, what).id();
  const Job now = job(id);
  const Hash256 order = sha256(order_bytes(now));
  const Instant end = clock_.now(), start = end - seconds(40);
  const auto reading = [&](std::uint32_t revision, Duration ran, bool final) {
    return UsageRecord{.id = UsageRecordId::make(end, rng_), .job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence, .order_hash = order,
                       .scheduler_job = "1", .start = start, .end = start + ran, .final = final, .revision = revision,
                       .meters = pricing::readings_of(now.plan().allocation, ran)};
  };
  const auto event = [&](Happening happening, Instant at) {
    return EventRecord{.job = now.id, .attempt = now.attempt().id, .fence = now.attempt().fence, .order_hash = order, .happening = happening, .at = at, .scheduler_job = "1"};
  };
  ASSERT_TRUE(report(alpha_, id, {event(Happening::accepted, start), event(Happening::started, start), reading(1, seconds(30), false),
                                  event(Happening::ended, end), reading(2, seconds(40), true)}).quarantined.empty());
  set_zone("Asia/Shanghai");
  projector_settled();
  database_.tamper("UPDATE market.usage_captures SET ended_at = CASE revision WHEN 1 THEN '2026-03-01T16:00:00Z'::timestamptz ELSE '2026-03-01T16:00:10Z'::timestamptz END");
  const v1::GetUsageReply days = usage("day,project", "2026-02-01", "2026-03-31");
  ASSERT_EQ(days.rows_size(), 2);
  EXPECT_EQ(days.rows(0).day(), "2026-03-01");  // ended at midnight exactly: in the day that was over
  EXPECT_EQ(days.rows(1).day(), "2026-03-02");
  EXPECT_EQ(days.rows(0).project(), "night");
  EXPECT_EQ(days.rows(0).core_ms(), 4 * 30'000);
  EXPECT_EQ(days.rows(1).core_ms(), 4 * 10'000);
  EXPECT_EQ(days.rows(0).core_hours(), "0.033");
  EXPECT_EQ(*parse_amount(days.rows(0).charged().amount()) + *parse_amount(days.rows(1).charged().amount()), charged(id));
  EXPECT_EQ(usage("", "2026-03-01", "2026-03-01").rows(0).core_ms(), 4 * 30'000);
  EXPECT_EQ(usage("month,user,center,pool,kind", "2026-03-01", "2026-03-02").rows(0).SerializeAsString(),
            usage("kind,pool,center,user,month", "2026-03-01", "2026-03-02").rows(0).SerializeAsString());
  EXPECT_EQ(usage("", "2026-03-01", "2026-03-02").rows(0).jobs(), 1u);
  set_zone("UTC");
  EXPECT_EQ(usage("day", "2026-03-01", "2026-03-01").rows(0).core_ms(), 4 * 40'000);
}

TEST_F(UsageBooks, WhatCantBeAskedIsRefused) {
  v1::GetUsageRequest request;
  v1::GetUsageReply reply;
  request.set_from("2026-03-01");
  request.set_to("2026-03-02");
  for (const char* by : {"day,day", "nothing", "day,", "; DROP TABLE market.jobs", "user,,day"}) {
    request.set_by(by);
    if (std::string(by) != "day,") EXPECT_EQ(ask(&Stub::GetUsage, request, ada_, &reply), "invalid_argument") << by;
  }
  request.set_by("");
  for (const auto& [from, to] : {std::pair("", "2026-03-02"), std::pair("2026-03-02", "2026-03-01"), std::pair("2026-3-1", "2026-03-02")}) {
    request.set_from(from);
    request.set_to(to);
    EXPECT_EQ(ask(&Stub::GetUsage, request, ada_, &reply), "invalid_argument") << from;
  }
}

// A month rated again with the market's own book comes to what was charged.
TEST_F(UsageBooks, RatingTheMonthAgainMakesNoDifference) {
  for (int i = 1; i <= 3; ++i) run("p" + std::to_string(i), milliseconds(7'777 * i));
  v1::ListRatableRequest request;
  request.set_month(today().substr(0, 7));
  request.set_limit(2);
  Amount rated, paid;
  int lines = 0;
  do {
    v1::ListRatableReply reply;
    ASSERT_EQ(ask(&Stub::ListRatable, request, finance_, &reply), "") << detail_;
    for (const v1::RatableLine& line : reply.lines()) {
      ++lines;
      const pricing::Allocation held{.cores = line.cores(), .gpus = line.gpus(), .nodes = line.nodes(), .mem_mib = line.mem_mib()};
      const Duration running = milliseconds(line.node_ms() / line.nodes());
      EXPECT_EQ(pricing::readings_of(held, running)[pricing::Meter::core_ms], line.core_ms());
      Amount amount;
      EXPECT_TRUE(engine_->read_wait([&](const Market& market) {
        const auto rows = market.prices().lock({.tenant = *parse_id<TenantIdKind>(line.tenant()), .center = *parse_id<CenterIdKind>(line.center()), .pool = line.pool(), .qos = line.qos()},
                                               held, Instant{line.locked_ms()});
        if (rows) amount = pricing::rate(pricing::readings_of(held, running), *rows)->total;
      }));
      EXPECT_EQ(amount, *parse_amount(line.charged().amount()));
      rated += amount;
    }
    request.set_cursor(reply.next_cursor());
  } while (!request.cursor().empty());
  EXPECT_EQ(lines, 3);
  v1::GetUsageRequest usage_of;
  usage_of.set_from(today(1));
  usage_of.set_to(today());
  v1::GetUsageReply usage_reply;
  ASSERT_EQ(ask(&Stub::GetUsage, usage_of, finance_, &usage_reply), "");
  for (const v1::UsageRow& row : usage_reply.rows()) paid += *parse_amount(row.charged().amount());
  EXPECT_EQ(rated, paid);
  request.set_month("2026-13");
  v1::ListRatableReply reply;
  EXPECT_EQ(ask(&Stub::ListRatable, request, finance_, &reply), "invalid_argument");
}

}  // namespace
}  // namespace bourse::test
