#include "broker/domain/events.h"

#include <utility>

namespace bourse::broker {
namespace {

using Read = bool (*)(std::span<const std::byte> body, std::vector<Event>& out);

// Decodes a body as the alternative at `Index`, in place at the end of `out`.
template <std::size_t Index>
bool read_alternative(std::span<const std::byte> body, std::vector<Event>& out) {
  Event& event = out.emplace_back(std::in_place_index<Index>);
  codec::Reader reader(body);
  reader.read_record(std::get<Index>(event));
  return reader.ok();  // what is left over is from a newer writer's appended fields
}

template <std::size_t... Index>
constexpr auto read_table(std::index_sequence<Index...>) {
  return std::array<Read, sizeof...(Index)>{&read_alternative<Index>...};
}
constexpr auto kRead = read_table(std::make_index_sequence<std::variant_size_v<Event>>());

}  // namespace

void encode(const Event& event, std::vector<std::byte>& out) {
  const auto type = static_cast<std::uint16_t>(event.index() + 1);
  std::visit([&](const auto& alternative) { codec::write_record(out, type, alternative); }, event);
}

Result<std::vector<Event>> decode(std::span<const std::byte> body) {
  std::vector<Event> events;
  while (!body.empty()) {
    const auto record = codec::next_record(body);
    if (!record) return fail(ErrorCode::integrity, "a journal record is cut short");
    if (record->type < 1 || record->type > kRead.size())
      return fail(ErrorCode::integrity,
                  "journal record " + std::to_string(record->type) + " is unknown to this program");
    if (!kRead[record->type - 1U](record->body, events))
      return fail(ErrorCode::integrity, "journal record " + std::to_string(record->type) + " is malformed");
  }
  return events;
}

}  // namespace bourse::broker
