#include "connectors/kubernetes/kubeconfig.h"

#include <gtest/gtest.h>

#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

namespace bourse::kubernetes {
namespace {

const std::string kFile = R"(apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {cluster: c1, user: robot, namespace: market}
- name: there
  context:
    cluster: c2
    user: person
clusters:
- name: c1
  cluster:
    server: https://api.example:6443/prefix/
    certificate-authority-data: Q0E=
    tls-server-name: kubernetes
- name: c2
  cluster:
    server: https://[fd00::1]
users:
- name: robot
  user:
    token: abc
- name: person
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
)";

std::string error_of(const std::string& text, const std::string& context = "") {
  const auto read = read_kubeconfig(text, "/nowhere", context);
  return read ? "" : read.error().detail;
}

std::string replaced(const std::string& what, const std::string& with) {
  std::string text = kFile;
  return text.replace(text.find(what), what.size(), with);
}

TEST(Kubeconfig, ReadsItsCurrentContext) {
  const Access access = read_kubeconfig(kFile, "/nowhere", "").value();
  EXPECT_EQ(access.host, "api.example");
  EXPECT_EQ(access.port, "6443");
  EXPECT_EQ(access.prefix, "/prefix");
  EXPECT_TRUE(access.tls);
  EXPECT_EQ(access.ca_pem, "CA");
  EXPECT_EQ(access.server_name, "kubernetes");
  EXPECT_EQ(access.token, "abc");
  EXPECT_EQ(access.name_space, "market");
}

TEST(Kubeconfig, ReadsAnother) {
  const Access access = read_kubeconfig(kFile, "/nowhere", "there").value();
  EXPECT_EQ(access.host, "fd00::1");
  EXPECT_EQ(access.port, "443");
  EXPECT_EQ(access.certificate_pem, "CERT");
  EXPECT_EQ(access.key_pem, "KEY");
  EXPECT_TRUE(access.token.empty());
}

TEST(Kubeconfig, ReadsFilesRelativeToItself) {
  const std::string folder = ::testing::TempDir() + "bourse-kubeconfig-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  std::ofstream(folder + "/real.pem") << "CA of a file";
  ASSERT_EQ(::symlink("real.pem", (folder + "/ca.pem").c_str()), 0);
  std::ofstream(folder + "/config") << replaced("certificate-authority-data: Q0E=", "certificate-authority: ca.pem");
  const auto access = open_access({.kubeconfig = folder + "/config"});
  ASSERT_TRUE(access) << access.error().message();
  EXPECT_EQ(access->ca_pem, "CA of a file");
  for (const char* name : {"/real.pem", "/ca.pem", "/config"}) ::unlink((folder + name).c_str());
  ::rmdir(folder.c_str());
}

TEST(Kubeconfig, NamesWhatIsWrong) {
  EXPECT_NE(error_of(kFile, "nowhere").find("context"), std::string::npos);
  EXPECT_NE(error_of(replaced("token: abc", "exec: {command: x}")).find("exec"), std::string::npos);
  EXPECT_NE(error_of(replaced("token: abc", "password: x")).find("password"), std::string::npos);
  EXPECT_NE(error_of(replaced("tls-server-name: kubernetes", "insecure-skip-tls-verify: true")).find("insecure"), std::string::npos);
  EXPECT_NE(error_of(replaced("Q0E=", "?!")).find("base64"), std::string::npos);
  EXPECT_NE(error_of(replaced("certificate-authority-data: Q0E=", "certificate-authority: gone.pem")).find("gone.pem"), std::string::npos);
  EXPECT_NE(error_of(replaced("https://api.example:6443/prefix/", "http://api.example")).find("http://"), std::string::npos);
  EXPECT_NE(error_of("a: [").find("line"), std::string::npos);
  EXPECT_NE(error_of("- a\n").find("table"), std::string::npos);
  EXPECT_NE(error_of("").find("table"), std::string::npos);
  EXPECT_NE(error_of("current-context: [1]\ncontexts: {}\n").find("context"), std::string::npos);
}

TEST(Kubeconfig, PlainHttpIsForThisMachine) {
  Access access;
  EXPECT_TRUE(read_address("http://127.0.0.1:8001", access));
  EXPECT_FALSE(access.tls);
  for (const char* bad : {"http://10.0.0.1", "api.example", "ftp://a", "https://", "https://a:b", "https://a:99999", "https://a b", "https://a\r\nX: y"})
    EXPECT_FALSE(read_address(bad, access)) << bad;
}

}  // namespace
}  // namespace bourse::kubernetes
