#include "base/id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <unordered_set>

namespace bourse {
namespace {

constexpr Instant kNow{1'795'249'800'250};

TEST(Id, IsAUuidOfVersionSeven) {
  SeededRng rng(1);
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = make_uuid_v7(kNow, rng);
    EXPECT_EQ(uuid.high >> 16, static_cast<std::uint64_t>(kNow.unix_ms));
    EXPECT_EQ(uuid.high >> 12 & 15, 7U);
    EXPECT_EQ(uuid.low >> 62, 2U);
  }
}

TEST(Id, AllRandomBitsVary) {
  SeededRng rng(1);
  Uuid ones;
  Uuid zeros{~std::uint64_t{0}, ~std::uint64_t{0}};
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = make_uuid_v7(kNow, rng);
    ones = {ones.high | uuid.high, ones.low | uuid.low};
    zeros = {zeros.high & uuid.high, zeros.low & uuid.low};
  }
  EXPECT_EQ((ones.high ^ zeros.high) & 0xffff, 0x0fffU);
  EXPECT_EQ(ones.low ^ zeros.low, ~std::uint64_t{0} >> 2);
}

TEST(Id, TextSaysTheKindAndSortsByTime) {
  SeededRng rng(1);
  std::string previous;
  for (int i = 0; i < 100; ++i) {
    const std::string text = to_text(JobId::make(kNow + milliseconds(i), rng));
    EXPECT_TRUE(text.starts_with("job_"));
    EXPECT_EQ(text.size(), 30U);
    EXPECT_LT(previous, text);
    previous = text;
  }
}

TEST(Id, KnownTexts) {
  EXPECT_EQ(to_crockford(Uuid{}), "00000000000000000000000000");
  EXPECT_EQ(to_crockford(Uuid{~std::uint64_t{0}, ~std::uint64_t{0}}), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  const Uuid uuid{0x0190163d8694739bU, 0xaea5966c26f8ad91U};
  EXPECT_EQ(to_hyphenated(uuid), "0190163d-8694-739b-aea5-966c26f8ad91");
  EXPECT_EQ(parse_hyphenated("0190163D-8694-739b-aea5-966c26f8ad91"), uuid);
  EXPECT_EQ(to_crockford(uuid), "01J0B3V1MMEEDTX9CPDGKFHBCH");
}

TEST(Id, ParsingIsStrict) {
  const std::string good = "job_01J0B3V1MMEEDTX9CPDGKFHBCH";
  EXPECT_TRUE(parse_id<JobIdKind>(good));
  EXPECT_EQ(parse_id<JobIdKind>("job_01j0b3v1mmeedtx9cpdgkfhbch"), parse_id<JobIdKind>(good));
  for (const char* text :
       {"", "job_", "01J0B3V1MMEEDTX9CPDGKFHBCH", "usr_01J0B3V1MMEEDTX9CPDGKFHBCH", "JOB_01J0B3V1MMEEDTX9CPDGKFHBCH",
        "job-01J0B3V1MMEEDTX9CPDGKFHBCH", "job_01J0B3V1MMEEDTX9CPDGKFHBC", "job_01J0B3V1MMEEDTX9CPDGKFHBCHH",
        "job_81J0B3V1MME9SXX9CPDGKFHBCH", "job_01J0B3V1MMEEDTX9CPDGKFHBCI", "job_01J0B3V1MMEEDTX9CPDGKFHBCL",
        "job_01J0B3V1MMEEDTX9CPDGKFHBCO", "job_01J0B3V1MMEEDTX9CPDGKFHBCU", "job_01J0B3V1MMEEDTX9CPDGKFHBC ",
        "job_01J0B3V1MMEEDTX9CPDGKFHB\xc3\xa9", "job_'; DROP TABLE jobs; --aaaa"}) {
    const auto parsed = parse_id<JobIdKind>(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument) << text;
  }
}

TEST(Id, HyphenatedParsingIsStrict) {
  for (const char* text : {"", "0190163d8694739baea5966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad9",
                           "0190163d-8694-739b-aea5-966c26f8ad9g", "0190163d-8694-739baaea5-966c26f8ad91",
                           "{0190163d-8694-739b-aea5-966c26f8ad91}", "0190163d-8694-739b-aea5--66c26f8ad91"})
    EXPECT_FALSE(parse_hyphenated(text)) << text;
}

TEST(Id, PrefixesAreDistinct) {
  const std::set<std::string_view> prefixes = {
      TenantIdKind::prefix,   UserIdKind::prefix,   BillingAccountIdKind::prefix, LedgerAccountIdKind::prefix,
      TransferIdKind::prefix, HoldIdKind::prefix,   CenterIdKind::prefix,         ConnectorIdKind::prefix,
      QuoteIdKind::prefix,    JobIdKind::prefix,    AttemptIdKind::prefix,        PriceRowIdKind::prefix,
      ContractIdKind::prefix, PeriodIdKind::prefix, UsageRecordIdKind::prefix};
  EXPECT_EQ(prefixes.size(), 15U);
}

TEST(Id, HashSpreadsCountedIds) {
  // A table of n slots filled with n keys has 63 % of them taken when the hash is as good as chance.
  constexpr std::size_t kSlots = 1 << 14;
  for (const bool in_low : {false, true}) {
    std::unordered_set<std::size_t> used;
    for (std::uint64_t i = 0; i < kSlots; ++i)
      used.insert(std::hash<Uuid>{}(in_low ? Uuid{0, i} : Uuid{i, 0}) % kSlots);
    EXPECT_GT(used.size(), kSlots * 55 / 100) << in_low;
  }
}

RC_GTEST_PROP(IdProperty, BothTextsRoundTrip, (std::uint64_t high, std::uint64_t low)) {
  const Uuid uuid{high, low};
  RC_ASSERT((parse_crockford(to_crockford(uuid)) == uuid));
  RC_ASSERT((parse_hyphenated(to_hyphenated(uuid)) == uuid));
}

RC_GTEST_PROP(IdProperty, CrockfordSortsLikeTheNumber,
              (std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d)) {
  RC_ASSERT((to_crockford({a, b}) < to_crockford({c, d})) == (Uuid{a, b} < Uuid{c, d}));
}

}  // namespace
}  // namespace bourse
