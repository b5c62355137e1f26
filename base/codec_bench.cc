// Encoding and decoding one record of 74 bytes of fields, as most of a journal's are.
#include <benchmark/benchmark.h>

#include "base/amount.h"
#include "base/codec.h"
#include "base/id.h"

namespace bourse::codec {
namespace {

struct Event {
  TransferId transfer{{1, 2}};
  LedgerAccountId debit{{3, 4}};
  LedgerAccountId credit{{5, 6}};
  Amount amount{7};
  std::uint16_t code = 8;
  Uuid reference{9, 10};
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.transfer, self.debit, self.credit, self.amount, self.code, self.reference);
  }
};

constexpr int kBatch = 8'000;

void encode(benchmark::State& state) {
  const Event event;
  std::vector<std::byte> row;
  for (auto _ : state) {
    row.clear();
    for (int i = 0; i < kBatch; ++i) write_record(row, 1, event);
    benchmark::DoNotOptimize(row.data());
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(encode);

void decode(benchmark::State& state) {
  std::vector<std::byte> row;
  for (int i = 0; i < kBatch; ++i) write_record(row, 1, Event{});
  Event event;
  for (auto _ : state) {
    std::span<const std::byte> rest(row);
    while (const auto record = next_record(rest)) {
      Reader(record->body).read_record(event);
      benchmark::DoNotOptimize(event);
    }
  }
  state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(decode);

}  // namespace
}  // namespace bourse::codec
