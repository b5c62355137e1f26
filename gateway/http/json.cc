#include "gateway/http/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace bourse::http {
namespace {

// Leaves the parser's callback; parse_json is the only place that catches it.
struct Refusal {
  std::string why;
};

std::string shortened(const std::string& name) {
  return name.size() <= 64 ? name : name.substr(0, 64) + "…";
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, int most_depth) {
  if (text.starts_with("\xEF\xBB\xBF"))
    return fail(ErrorCode::invalid_argument, "the JSON starts with a byte order mark");
  std::vector<std::set<std::string>> names;  // of each object that is open
  int open = 0;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (++open > most_depth)
        throw Refusal{"the JSON is nested more than " + std::to_string(most_depth) + " levels deep"};
      if (event == Event::object_start) names.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      --open;
      if (event == Event::object_end) names.pop_back();
    } else if (event == Event::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.back().insert(name).second)
        throw Refusal{"the JSON has the name '" + shortened(name) + "' twice in one object"};
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const Refusal& refusal) {
    return fail(ErrorCode::invalid_argument, refusal.why);
  } catch (const nlohmann::json::parse_error& error) {
    return fail(ErrorCode::invalid_argument, "the JSON can't be read at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::invalid_argument, "the JSON has a number that is out of range");
  }
}

}  // namespace bourse::http
