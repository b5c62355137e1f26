// The server's certificate is verified, and ours shown; keys are made anew.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

#include "connectors/core/temporary_folder.h"
#include "connectors/host/process_runner.h"
#include "connectors/kubernetes/double_fixture_test.h"

namespace bourse::kubernetes {
namespace {

class TlsTest : public connector::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    const std::string make = "cd " + directory_ + R"sh( && for who in ca other; do
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$who -keyout $who.key -out $who.pem; done
      for who in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
        printf 'subjectAltName=DNS:kubernetes,IP:127.0.0.1' >san
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out $who.pem; done)sh";
    host::SystemProcessRunner runner(clock_);
    const auto done = runner.run({.argv = {"/bin/sh", "-ec", make}, .env = {"PATH=/usr/bin:/bin"}});
    ASSERT_TRUE(done);
    ASSERT_EQ(done->exit_code, 0) << done->err;
    cluster_.add_node("n1", {{"cpu", "8"}, {"memory", "16Gi"}});
  }
  void serve(const std::string& client_ca = "") {
    server_ = std::make_unique<testing::ApiServer>(cluster_, testing::ServerTls{.certificate = *read_linked_file(path("server.pem")), .key = *read_linked_file(path("server.key")),
                                                                             .client_ca = client_ca.empty() ? "" : *read_linked_file(path(client_ca))});
  }
  Result<std::unique_ptr<KubernetesDriver>> open(AccessConfig access) {
    if (access.address.empty()) access.address = server_->address();
    return KubernetesDriver::open({.access = access, .name_space = "market", .pools = {{.name = "cpu"}}, .image = "i", .limits = {.call = seconds(3)}}, clock_);
  }

  SystemClock clock_;
  testing::Cluster cluster_{[this] { return clock_.now().unix_ms / 1000; }};
  std::unique_ptr<testing::ApiServer> server_;
};

TEST_F(TlsTest, TheServerIsWhoItsCertificateSays) {
  serve();
  const auto good = open({.ca = path("ca.pem")});
  ASSERT_TRUE(good) << good.error().message();
  EXPECT_TRUE((*good)->submit(sample()));
  EXPECT_EQ((*good)->poll({{job_name("bourse-att_06A-1"), "bourse-att_06A-1"}}).value().begin()->second.state, connector::RunState::queued) << "the watch goes by TLS, too";
  EXPECT_TRUE(open({.ca = path("ca.pem"), .server_name = "kubernetes"}));
  EXPECT_EQ(open({.ca = path("other.pem")}).error().outcome(), Outcome::transient) << "another's authority";
  EXPECT_FALSE(open({})) << "the machine's own authorities don't know it";
  EXPECT_FALSE(open({.ca = path("ca.pem"), .server_name = "elsewhere.example"}));
  EXPECT_FALSE(open({.address = "http" + server_->address().substr(5)})) << "plain text to a TLS port";
  EXPECT_EQ(open({.ca = path("server.key")}).error().code, ErrorCode::invalid_argument);
}

TEST_F(TlsTest, AClientCertificateIsShown) {
  serve("ca.pem");
  EXPECT_TRUE(open({.ca = path("ca.pem"), .certificate = path("client.pem"), .key = path("client.key")}));
  EXPECT_FALSE(open({.ca = path("ca.pem")}));
  EXPECT_FALSE(open({.ca = path("ca.pem"), .certificate = path("other.pem"), .key = path("other.key")}));
}

}  // namespace
}  // namespace bourse::kubernetes
