// Downloads that go to a file or to standard output.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "base/sha256.h"
#include "cli/context.h"

namespace bourse::cli {
namespace {

constexpr std::size_t kMostChecked = 16 << 20;

// Writes to a file, or standard output for "-". Ends the program when it can't.
class Output {
 public:
  Output(Context& context, const std::string& path) : context_(context), path_(path) {
    if (path != "-") file_.open(path, std::ios::binary | std::ios::trunc);
    if (path != "-" && !file_) context_.end_with({ErrorCode::unavailable, "can't write " + path});
  }
  bool write(std::string_view data) {
    std::ostream& out = path_ == "-" ? std::cout : file_;
    out.write(data.data(), static_cast<std::streamsize>(data.size()));
    size_ += data.size();
    // Long exports show how far they are, where somebody looks.
    if (path_ != "-" && isatty(STDERR_FILENO) != 0 && size_ / kShowEvery != shown_) {
      shown_ = size_ / kShowEvery;
      std::cerr << "\r" << size_ / 1'000'000 << " MB" << std::flush;
    }
    return out.good();
  }
  void close() {
    if (path_ == "-") return;
    file_.close();
    if (!file_) context_.end_with({ErrorCode::unavailable, "can't write " + path_});
    std::cerr << (shown_ > 0 ? "\r" : "") << path_ << ": " << size_ << " bytes\n";
  }

 private:
  static constexpr std::size_t kShowEvery = 1'000'000;
  Context& context_;
  std::string path_;
  std::ofstream file_;
  std::size_t size_ = 0, shown_ = 0;
};

}  // namespace

void save(Context& context, const std::string& path, const std::string& output) {
  Output out(context, output);
  context.must(context.client().download(path, [&](std::string_view piece) { return out.write(piece); }));
  out.close();
}

void save_checked(Context& context, const std::string& path, const std::string& sha256_hex, const std::string& output) {
  std::string bytes;
  context.must(context.client().download(path, [&](std::string_view piece) {
    bytes.append(piece);
    return bytes.size() <= kMostChecked;
  }));
  if (to_hex(sha256(bytes)) != sha256_hex) Context::end_with({ErrorCode::integrity, "what came is not what was asked for: its SHA-256 is another"});
  Output out(context, output);
  if (!out.write(bytes)) Context::end_with({ErrorCode::unavailable, "can't write " + output});
  out.close();
}

}  // namespace bourse::cli
