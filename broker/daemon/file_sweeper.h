// Keeps the files that live jobs wait for, and removes what nobody used for its time; every hour.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "broker/app/blob_store.h"
#include "broker/app/engine.h"
#include "broker/app/file_store.h"

namespace bourse::broker {

class FileSweeper {
 public:
  FileSweeper(FileStore& files, Engine& engine, BlobStore& blobs) : files_(files), engine_(engine), blobs_(blobs) {}
  ~FileSweeper() { stop(); }
  void start();
  void stop();

  // One round. Nothing is removed where it can't be told what is waited for. Errors: unavailable.
  Result<Swept> sweep();

 private:
  FileStore& files_;
  Engine& engine_;
  BlobStore& blobs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace bourse::broker
