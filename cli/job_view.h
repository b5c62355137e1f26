// How offers, plans and jobs look on a terminal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bourse::cli {

std::string show_offers(const nlohmann::json& reply);
// What became of the script's directives, a line each; nothing where it has none.
std::string show_notes(const nlohmann::json& reply);
std::string show_quote(const nlohmann::json& reply);
std::string show_submitted(const nlohmann::json& job);
std::string show_jobs(const nlohmann::json& reply);
std::string show_job(const nlohmann::json& job);   // with "why this center"
std::string show_counts(const nlohmann::json& array);  // "7 waiting, 3 running": of its elements
std::string show_receipt(const nlohmann::json& receipt);
std::string show_trace(const nlohmann::json& reply);

}  // namespace bourse::cli
