#include "cli/client/session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <toml++/toml.h>

namespace bourse::cli {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<std::string> first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line)) return fail(ErrorCode::invalid_argument, "can't read the token in " + path);
  return line;
}

// The token is as good as a password: only its owner may read it.
Status write_private(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(ErrorCode::unavailable, temporary + ": " + std::strerror(errno));
  const bool written = write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) && fchmod(fd, 0600) == 0;
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0)
    return fail(ErrorCode::unavailable, path + ": " + std::strerror(errno));
  return {};
}

}  // namespace

std::string config_folder() {
  if (const std::string folder = environment("BOURSE_CONFIG_DIR"); !folder.empty()) return folder;
  if (const std::string xdg = environment("XDG_CONFIG_HOME"); xdg.starts_with('/')) return xdg + "/bourse";
  return environment("HOME") + "/.config/bourse";
}

Result<Endpoint> load_endpoint() {
  Endpoint endpoint;
  const std::string file = config_folder() + "/cli.toml";
  if (fs::exists(file)) {
    try {
      const toml::table table = toml::parse_file(file);
      endpoint.url = table["url"].value_or(std::string());
      endpoint.ca_file = table["ca"].value_or(std::string());
    } catch (const toml::parse_error& error) {
      return fail(ErrorCode::invalid_argument, file + ": " + std::string(error.description()));
    }
  }
  if (const std::string url = environment("BOURSE_URL"); !url.empty()) endpoint.url = url;
  if (const std::string ca = environment("BOURSE_CA"); !ca.empty()) endpoint.ca_file = ca;
  if (endpoint.url.empty())
    return fail(ErrorCode::invalid_argument, "no market is known: set BOURSE_URL, or run 'bourse login --url https://…' once");
  while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
  if (!endpoint.url.starts_with("https://")) return fail(ErrorCode::invalid_argument, "the market's URL must begin with https://: " + endpoint.url);

  const std::string token_file = config_folder() + "/token";
  if (const std::string token = environment("BOURSE_TOKEN"); !token.empty()) {
    endpoint.token = token;
  } else if (const std::string named = environment("BOURSE_TOKEN_FILE"); !named.empty()) {
    TRY(endpoint.token, first_line(named));
  } else if (fs::exists(token_file)) {
    TRY(endpoint.token, first_line(token_file));
  }
  return endpoint;
}

Status remember(const Endpoint& endpoint) {
  std::error_code error;
  fs::create_directories(config_folder(), error);
  if (error) return fail(ErrorCode::unavailable, config_folder() + ": " + error.message());
  toml::table table{{"url", endpoint.url}};
  if (!endpoint.ca_file.empty()) table.insert("ca", fs::absolute(endpoint.ca_file).string());
  std::ostringstream text;
  text << table << "\n";
  CHECK_OK(write_private(config_folder() + "/cli.toml", text.str()));
  return write_private(config_folder() + "/token", endpoint.token + "\n");
}

bool forget_token() { return unlink((config_folder() + "/token").c_str()) == 0; }

}  // namespace bourse::cli
