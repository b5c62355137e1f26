// The journal's format. testdata/events_vN.bin holds one event of each kind as version N wrote them: every later program
// must read each to the same values, and write the newest byte for byte.
#include "broker/domain/events.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace bourse::broker {
namespace {

constexpr int kNewest = 7;  // a field was appended? Add the next version's file; the older ones stay

// Fills every field, of whatever depth, with a value of its own.
class Filler {
 public:
  template <class... T>
  void operator()(T&... values) {
    (fill(values), ...);
  }

 private:
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = true;
    else if constexpr (std::is_enum_v<T>)
      value = T{1};
    else if constexpr (std::is_integral_v<T>)
      value = static_cast<T>(next());
    else if constexpr (std::is_same_v<T, Act>)
      fill(value.template emplace<OrderPayout>());
    else if constexpr (requires { T::fields(value, *this); })
      T::fields(value, *this);
    else
      fill_plain(value);
  }
  void fill(std::string& value) { value = "text " + std::to_string(next()); }
  template <class T>
  void fill(std::vector<T>& values) {
    values.resize(2);
    for (T& value : values) fill(value);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill_plain(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    for (auto& byte : std::span(reinterpret_cast<unsigned char*>(&value), sizeof value))
      byte = static_cast<unsigned char>(next());
  }
  std::uint64_t next() { return ++serial_; }

  std::uint64_t serial_ = 0;
};

template <std::size_t... Index>
std::vector<Event> one_of_each(std::index_sequence<Index...>) {
  Filler fill;
  std::vector<Event> events;
  const auto add = [&](auto event) {
    decltype(event)::fields(event, fill);
    events.emplace_back(std::move(event));
  };
  (add(std::variant_alternative_t<Index, Event>{}), ...);
  return events;
}
std::vector<Event> one_of_each() {
  return one_of_each(std::make_index_sequence<std::variant_size_v<Event>>());
}

std::vector<std::byte> encoded(const std::vector<Event>& events) {
  std::vector<std::byte> out;
  for (const Event& event : events) encode(event, out);
  return out;
}

std::vector<std::byte> golden(int version) {
  std::ifstream file(std::string(BOURSE_SOURCE_DIR) + "/broker/domain/testdata/events_v" + std::to_string(version) + ".bin",
                     std::ios::binary);
  std::vector<std::byte> bytes;
  for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) bytes.push_back(static_cast<std::byte>(*at));
  return bytes;
}

TEST(Events, SurviveTheJournal) {
  const auto bytes = encoded(one_of_each());
  const auto events = decode(bytes);
  ASSERT_TRUE(events) << events.error().message();
  EXPECT_EQ(events->size(), std::variant_size_v<Event>);
  for (std::size_t i = 0; i < events->size(); ++i) EXPECT_EQ((*events)[i].index(), i);
  EXPECT_EQ(encoded(*events), bytes);
}

TEST(Events, TheNewestVersionIsWrittenByteForByte) {
  const auto bytes = encoded(one_of_each());
  if (golden(kNewest) == bytes) return;
  const std::string path = testing::TempDir() + "events.bin";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  FAIL() << "A field's order, type or place changed, which the journal never allows, or one was appended: then add "
         << path << " as the next version.";
}

TEST(Events, OlderVersionsAreReadForEver) {
  for (int version = 1; version <= kNewest; ++version) {
    const auto bytes = golden(version);
    ASSERT_FALSE(bytes.empty()) << version;
    const auto events = decode(bytes);
    ASSERT_TRUE(events) << events.error().message();
    for (std::size_t i = 0; i < events->size(); ++i) EXPECT_EQ((*events)[i].index(), i);
    const auto again = decode(encoded(*events));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(encoded(*again), encoded(*events));
  }
}

// The numbers are those that the filler of version 1 counted to; the last fields of each kind show that nothing before slid.
TEST(Events, VersionOneKeepsItsValues) {
  const auto events = decode(golden(1));
  ASSERT_TRUE(events) << events.error().message();
  ASSERT_EQ(events->size(), 27U);
  const auto& captured = std::get<UsageCaptured>((*events)[19]);
  EXPECT_EQ(captured.lines.size(), 2U);
  EXPECT_EQ(static_cast<std::uint8_t>(captured.report.bytes[31]), static_cast<std::uint8_t>(captured.report.bytes[0] + 31));
  EXPECT_TRUE(captured.adjusts.is_nil());
  const auto& prices = std::get<PricesPublished>((*events)[13]);
  ASSERT_EQ(prices.rows.size(), 2U);
  EXPECT_EQ(prices.rows[0].strategy, pricing::Strategy::scow_cpus);
  const auto& sealed = std::get<StatementSealed>((*events)[26]);
  EXPECT_EQ(static_cast<std::uint8_t>(sealed.at.unix_ms >> 56), static_cast<std::uint8_t>((sealed.payout.micros & 0xFF) + 15));
}

TEST(Events, AnOlderWritersRecordsLackTheNewestFields) {
  // As if StatementSealed had had only its first field once.
  std::vector<std::byte> body;
  codec::write_record(body, static_cast<std::uint16_t>(Event(StatementSealed{}).index() + 1), MemberAdded{});
  std::memset(body.data() + 6, 0x11, 16);
  const std::uint32_t length = 16;
  std::memcpy(body.data() + 2, &length, sizeof length);
  body.resize(6 + 16);
  const auto events = decode(body);
  ASSERT_TRUE(events) << events.error().message();
  const auto& sealed = std::get<StatementSealed>(events->front());
  EXPECT_EQ(sealed.period.uuid.high, 0x1111'1111'1111'1111U);
  EXPECT_EQ(sealed.payout, Amount{});
}

TEST(Events, DamageIsAnErrorAndNeverReadPast) {
  const auto whole = encoded(one_of_each());
  for (std::size_t size = 1; size < whole.size(); size += 7) {
    const auto cut = decode(std::span(whole).first(size));
    if (!cut) EXPECT_EQ(cut.error().code, ErrorCode::integrity);
  }
  EXPECT_EQ(decode(std::span(whole).first(whole.size() - 1)).error().code, ErrorCode::integrity);
  std::vector<std::byte> unknown;
  codec::write_record(unknown, 999, MemberAdded{});
  EXPECT_EQ(decode(unknown).error().code, ErrorCode::integrity);
  unknown[0] = unknown[1] = std::byte{0};
  EXPECT_EQ(decode(unknown).error().code, ErrorCode::integrity);
  // A length in the middle that claims more than there is.
  auto lying = encoded({Event(CommandAnswered{.key = "k"})});
  std::memset(lying.data() + 6, 0xFF, 4);
  EXPECT_EQ(decode(lying).error().code, ErrorCode::integrity);
}

}  // namespace
}  // namespace bourse::broker
