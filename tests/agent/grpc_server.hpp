// tests/agent/grpc_server.hpp - a gRPC server of one method on 127.0.0.1.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace berth::agent {

/// Answers every call with these bytes or this status.
class GrpcServer {
 public:
  GrpcServer(std::string method, std::string answer, grpc::Status status = grpc::Status::OK)
      : service_(std::move(method), std::move(answer), std::move(status)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  ~GrpcServer() { server_->Shutdown(); }
  std::uint16_t port() const { return static_cast<std::uint16_t>(port_); }
  std::string request() const { return service_.request(); }

 private:
  class Service final : public grpc::CallbackGenericService {
   public:
    Service(std::string method, std::string answer, grpc::Status status)
        : method_(std::move(method)), answer_(std::move(answer)), status_(std::move(status)) {}
    std::string request() const {
      const std::lock_guard lock(mutex_);
      return request_;
    }

   private:
    class Reactor final : public grpc::ServerGenericBidiReactor {
     public:
      Reactor(Service& service, const std::string& method) : service_(service) {
        if (method != service.method_) {
          Finish({grpc::StatusCode::UNIMPLEMENTED, "unknown method " + method});
        } else {
          StartRead(&read_);
        }
      }
      void OnReadDone(bool ok) override {
        if (!ok) return;
        std::vector<grpc::Slice> slices;
        (void)read_.Dump(&slices);
        {
          const std::lock_guard lock(service_.mutex_);
          for (const auto& slice : slices) {
            service_.request_.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
          }
        }
        if (!service_.status_.ok()) {
          Finish(service_.status_);
          return;
        }
        const grpc::Slice slice(service_.answer_);
        write_ = grpc::ByteBuffer(&slice, 1);
        StartWriteAndFinish(&write_, grpc::WriteOptions(), grpc::Status::OK);
      }
      void OnDone() override { delete this; }  // how gRPC wants its reactors to go

     private:
      Service& service_;
      grpc::ByteBuffer read_;
      grpc::ByteBuffer write_;
    };
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
      return new Reactor(*this, context->method());
    }

    std::string method_;
    std::string answer_;
    grpc::Status status_;
    mutable std::mutex mutex_;
    std::string request_;
  };

  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace berth::agent
