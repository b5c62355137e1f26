// The rows that change after they were made, as the projector keeps them. Columns are described in sql/003_market.sql.
#pragma once

#include <string>
#include <vector>

#include "broker/adapters/store/connection.h"
#include "broker/adapters/store/wire.h"
#include "broker/domain/events.h"

namespace bourse::broker::store {

struct AccountRow {
  LedgerAccountId id;
  Unit unit;
  ledger::AccountCode code{};
  ledger::Limit limit{};
  Amount credit_limit;
  Uuid owner;
  Amount debits_pending, debits_posted, credits_pending, credits_posted;
  std::int64_t opened_seq = 0;
  std::int32_t opened_idx = 0;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static AccountRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return false; }
  void slim() {}
};

struct HoldRow {
  HoldId id;
  LedgerAccountId wallet, holds;
  Amount amount, captured, released;
  Instant expires_at;
  Uuid reference;
  std::int16_t ended = 0;  // ledger::HoldEnd; 0 = it lives
  Instant placed_at;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static HoldRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return ended != 0; }
  void slim() {}
};

struct CenterRow {
  CenterId id;
  std::string name;
  CenterState state = CenterState::active;
  std::string state_reason;
  ConnectorId connector;
  PublicKey identity_key{}, billing_key{};
  Instant enrolled_at;
  std::int64_t report_epoch = 0, report_seq = 0;
  Hash256 report_hash;
  std::int64_t reports = 0, quarantined = 0;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static CenterRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return false; }
  void slim() {}
};

struct QuoteRow {
  QuoteId id;
  BillingAccountId account;
  UserId user;
  std::vector<std::byte> spec, decision;  // empty when loaded
  Instant issued_at, valid_until;
  bool dropped = false;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static QuoteRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return dropped; }
  void slim() { spec = {}, decision = {}; }
};

struct JobRow {
  struct Place {
    CenterId center;
    std::string pool;
    std::int32_t tax_bps = 0;
  };
  JobId id;
  BillingAccountId account;
  TenantId tenant;
  UserId user;
  QuoteId quote;
  JobSpec spec;                     // as submitted; empty when loaded
  std::vector<std::byte> decision;  // encoded; empty when loaded
  std::vector<Place> plans;         // where each of the decision's plans leads
  Unit unit;
  HoldId hold;
  Instant submitted_at;
  JobState state = JobState::routed;  // or waiting, then without center, pool and attempt
  bool cancel_requested = false;
  std::uint32_t plan = 0;
  std::string scheduler_job;
  AttemptId attempt;
  std::int32_t attempts = 0;
  Amount held, charged;
  std::int32_t exit_code = 0;
  std::string reason;
  Instant started_at, ended_at;
  std::int64_t journal_seq = 0;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static JobRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return is_final(state); }
  void slim() { spec = {}, decision = {}; }
};

struct AttemptRow {
  AttemptId id;
  JobId job;
  std::uint32_t fence = 0, plan = 0;
  CenterId center;
  std::string pool;
  std::int32_t tax_bps = 0;  // written once, and not loaded
  Instant ordered_at, not_after;
  Hash256 order_hash;
  std::string scheduler_job;
  std::int16_t happened = 0;  // Happening; 0 = nothing yet
  Instant started_at, ended_at;
  std::int32_t exit_code = 0;
  pricing::Readings usage;
  std::int32_t usage_revision = 0;
  bool usage_final = false;
  Amount charged;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static AttemptRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  // Nothing new comes after an end with final usage, nor after "it never ran".
  bool finished() const { return (usage_final && happened >= 4) || happened == 6 || happened == 7; }
  void slim() {}
};

struct PeriodRow {
  PeriodId id;
  CenterId center;
  Unit unit;
  std::uint32_t number = 0;
  PeriodState state = PeriodState::open;
  Instant opened_at, cut_off;
  std::int64_t captures = 0;
  Amount gross, center_share, margin, tax;
  Hash256 statement;
  Amount payout;
  Instant sealed_at;
  Amount opening;
  std::int64_t adjustments = 0;
  AdjustmentParts adjusted;
  Amount paid_out;

  static const char* const kStageName;
  static const char* const kStage;
  static const char* const kLoad;
  static const char* const kCopyNew;
  static const char* const kMerge;
  static PeriodRow read(const Rows& rows, int row);
  void write_new(CopyRows& out) const;
  void write_change(CopyRows& out) const;
  Uuid key() const { return id.uuid; }
  bool finished() const { return state == PeriodState::paid; }
  void slim() {}
};

}  // namespace bourse::broker::store
