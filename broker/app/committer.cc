#include "broker/app/committer.h"

#include "base/assert.h"

namespace bourse::broker {

Committer::Committer(Options options, Journal& journal, const Clock& clock)
    : options_(options), journal_(journal), clock_(clock), emit_([this](Event&& event) {
        encode(event, body_);
        events_.push_back(std::move(event));
      }) {}

Status Committer::recover() {
  state_ = State::lost;
  TRY(const JournalHead head, journal_.take_over());
  TRY(Replayed fresh, replay_all(journal_, options_.limits));
  // Between the two, no older writer could write: a difference means that the rows read are not the journal's.
  if (fresh.head.seq != head.seq || fresh.head.hash != head.hash)
    return fail(ErrorCode::integrity, "the journal's rows end at " + std::to_string(fresh.head.seq) + ", its head is " +
                                          std::to_string(head.seq));
  if (replayed_.market != nullptr) fresh.market->adopt_pools(*replayed_.market);
  replayed_ = std::move(fresh);
  state_ = State::ready;
  ++counts_.recoveries;
  return {};
}

std::size_t Committer::run(std::span<Item> items) {
  BOURSE_ASSERT(state_ == State::ready);
  body_.clear();
  events_.clear();
  results_.clear();
  for (const Item& item : items) {
    if (results_.size() == options_.max_batch || body_.size() >= options_.max_row_bytes) break;
    results_.push_back(replayed_.market->decide(item.command, emit_));
  }
  const Status committed = commit();
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!committed)
      results_[i] = fail(committed.error().code, committed.error().detail);
    else if (results_[i])
      results_[i]->position = replayed_.head.seq;
    if (items[i].completion) items[i].completion(std::move(results_[i]));
  }
  return results_.size();
}

Status Committer::commit() {
  counts_.commands += results_.size();
  if (events_.empty()) return {};
  const auto head = journal_.append(body_, clock_.now());
  if (!head) {
    const bool deposed = head.error().code == ErrorCode::deposed;
    state_ = deposed ? State::deposed : State::lost;
    // Whatever else it says, memory holds events that may not be in the journal.
    if (deposed || head.error().code == ErrorCode::too_large) return std::unexpected(head.error());
    return fail(ErrorCode::unknown_outcome, head.error().detail);
  }
  replayed_.head = *head;
  ++counts_.batches;
  counts_.events += events_.size();
  counts_.journal_bytes += body_.size();
  if (on_committed_) on_committed_(replayed_.head.seq, events_);
  return {};
}

}  // namespace bourse::broker
