// Migrations: applied once, never changed, known to the program.
#include "broker/adapters/store/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/database.h"

namespace bourse::broker::store {
namespace {

using ::testing::HasSubstr;

TEST(Migrations, ApplyOnceAndAgainChangesNothing) {
  const test::Database database;
  EXPECT_EQ(database.ask("SELECT count(*) FROM public.bourse_migrations"), std::to_string(migrations().size()));
  const std::string before = database.ask("SELECT string_agg(name || applied_at, ',') FROM public.bourse_migrations");
  ASSERT_TRUE(migrate(database.as("postgres")));
  ASSERT_TRUE(migrate(database.as("bourse_migrator")));  // by the role that owns them, too
  EXPECT_EQ(database.ask("SELECT string_agg(name || applied_at, ',') FROM public.bourse_migrations"), before);
  EXPECT_EQ(database.ask("SELECT tableowner FROM pg_tables WHERE schemaname = 'journal' AND tablename = 'rows'"), "bourse_migrator");
  EXPECT_EQ(database.ask("SELECT tableowner FROM pg_tables WHERE schemaname = 'market' AND tablename = 'jobs'"), "bourse_projector");
}

TEST(Migrations, AChangedOneIsRefused) {
  const test::Database database(false);
  ASSERT_TRUE(migrate(database.as("postgres"), {{"001_a", "CREATE SCHEMA a"}}));
  ASSERT_TRUE(migrate(database.as("postgres"), {{"001_a", "CREATE SCHEMA a"}, {"002_b", "CREATE SCHEMA b"}}));
  const Status changed = migrate(database.as("postgres"), {{"001_a", "CREATE SCHEMA c"}, {"002_b", "CREATE SCHEMA b"}});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(changed.error().detail, HasSubstr("001_a"));
}

TEST(Migrations, ANewerDatabaseIsRefused) {
  const test::Database database(false);
  ASSERT_TRUE(migrate(database.as("postgres"), {{"001_a", "CREATE SCHEMA a"}, {"002_b", "CREATE SCHEMA b"}}));
  const Status older = migrate(database.as("postgres"), {{"001_a", "CREATE SCHEMA a"}});
  ASSERT_FALSE(older);
  EXPECT_THAT(older.error().detail, HasSubstr("002_b"));
}

TEST(Migrations, AFailingOneLeavesNothingBehind) {
  const test::Database database(false);
  const std::vector<Migration> bad = {{"001_a", "CREATE SCHEMA a"}, {"002_b", "CREATE SCHEMA b; SELECT no_such_thing"}};
  const Status failed = migrate(database.as("postgres"), bad);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().detail, HasSubstr("002_b"));
  EXPECT_EQ(database.ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'b'"), "0");
  EXPECT_EQ(database.ask("SELECT count(*) FROM public.bourse_migrations"), "1");
}

}  // namespace
}  // namespace bourse::broker::store
