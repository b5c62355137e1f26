#include "cli/context.h"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/client/session.h"
#include "cli/client/table.h"

namespace bourse::cli {

Client& Context::client() {
  if (!client_) client_ = std::make_unique<Client>(must(load_endpoint()), rng_);
  return *client_;
}

// What is wrong in this case and, below it, what to do about it in general. A slip in what was typed needs no more than
// the first.
std::string told(const Error& error) {
  const ErrorInfo& row = info(error.code);
  std::string sentence(row.sentence);
  if (error.code == ErrorCode::invalid_argument && !error.detail.empty()) return harmless(error.detail);
  if (!error.detail.empty()) sentence.replace(sentence.size() - 1, 1, ": " + harmless(error.detail));
  return sentence + "\n        " + std::string(row.remedy) + " (" + std::string(row.name) + ")";
}

void Context::end_with(const Error& error) {
  std::cerr << "bourse: " << told(error) << "\n";
  throw CLI::RuntimeError(info(error.code).exit_code);
}

void Context::print(const nlohmann::json& reply, const std::function<std::string(const nlohmann::json&)>& text) const {
  if (as_json) std::cout << reply.dump(2) << "\n";
  else std::cout << text(reply);
  std::cout.flush();
}

std::optional<std::string> waiting(const nlohmann::json& reply) {
  if (!reply.contains("proposal")) return std::nullopt;
  const nlohmann::json& proposal = reply["proposal"];
  const std::string id = field(proposal, "id");
  if (const std::string state = field(proposal, "state"); state != "open") return "Proposal " + id + " is " + state + ".\n";
  return harmless(field(proposal, "text")) + "\nWaiting for a second person: bourse proposal approve " + id + " (until " +
         instant(proposal, "expires_at") + " UTC)\n";
}

bool on_terminal() { return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0; }

bool agreed(const std::string& question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

std::string read_input(const std::string& path, std::size_t limit) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) Context::end_with({ErrorCode::invalid_argument, "can't read " + path});
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string content;
  std::string piece(65536, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    content.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (content.size() > limit) Context::end_with({ErrorCode::too_large, path + " is larger than " + std::to_string(limit) + " bytes"});
  }
  return content;
}

}  // namespace bourse::cli
