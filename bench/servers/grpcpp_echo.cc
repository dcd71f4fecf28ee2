// SPDX-License-Identifier: BSD-3-Clause
/*
 * gRPC C++'s asynchronous server as the peer of `shoal grpc`: shoal.v1.Echo's Unary and Bidi on one
 * completion queue and one thread. To be fast it keeps many calls requested, answers a unary call
 * in the event that brought it, and builds the next call in the memory of the one before.
 */
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "shoal/v1/echo.grpc.pb.h"

namespace {

using Service = shoal::v1::Echo::AsyncService;
using Message = shoal::v1::EchoMessage;

constexpr int kUnaryCalls = 1024; // requested at any time: more than any cell has in flight
constexpr int kBidiCalls = 64;

struct Server {
    Service service;
    std::unique_ptr<grpc::ServerCompletionQueue> queue;
};

// What the completion queue leads to.
class Event {
public:
    virtual ~Event() = default;
    virtual void Complete(bool ok) = 0;
};

// A unary call after the other, in the same memory.
class Unary final : public Event {
public:
    explicit Unary(Server &server) : server_(server) { Request(); }

    void Complete(bool ok) override
    {
        if (answered_)
            Request();
        else if (ok)
            Answer();
        // else the server ends
    }

private:
    struct Call {
        grpc::ServerContext context;
        grpc::ServerAsyncResponseWriter<Message> writer{&context};
    };

    void Request()
    {
        answered_ = false;
        call_.emplace();
        server_.service.RequestUnary(&call_->context, &request_, &call_->writer,
                                     server_.queue.get(), server_.queue.get(), this);
    }

    void Answer()
    {
        answered_ = true;
        reply_.set_payload(request_.payload());
        reply_.set_delay_ms(request_.delay_ms());
        reply_.set_count(request_.count());
        call_->writer.Finish(reply_, grpc::Status::OK, this);
    }

    Server &server_;
    std::optional<Call> call_;
    Message request_;
    Message reply_;
    bool answered_ = false;
};

// A stream: each message is answered before the next is read. Deletes itself at its end.
class Bidi final : public Event {
public:
    explicit Bidi(Server &server) : server_(server)
    {
        server_.service.RequestBidi(&context_, &stream_, server_.queue.get(), server_.queue.get(),
                                    this);
    }

    void Complete(bool ok) override
    {
        switch (state_) {
        case State::kRequested:
            if (!ok) {
                delete this; // the server ends
                return;
            }
            new Bidi(server_);
            Read();
            break;
        case State::kReading:
            ok ? Write() : Finish();
            break;
        case State::kWriting:
            ok ? Read() : Finish();
            break;
        case State::kFinishing:
            delete this;
            break;
        }
    }

private:
    enum class State { kRequested, kReading, kWriting, kFinishing };

    void Read()
    {
        state_ = State::kReading;
        stream_.Read(&message_, this);
    }

    void Write()
    {
        state_ = State::kWriting;
        stream_.Write(message_, this);
    }

    void Finish()
    {
        state_ = State::kFinishing;
        stream_.Finish(grpc::Status::OK, this);
    }

    Server &server_;
    grpc::ServerContext context_;
    grpc::ServerAsyncReaderWriter<Message, Message> stream_{&context_};
    Message message_;
    State state_ = State::kRequested;
};

void Serve(Server &server)
{
    std::vector<std::unique_ptr<Unary>> calls;
    for (int i = 0; i < kUnaryCalls; i++)
        calls.push_back(std::make_unique<Unary>(server));
    for (int i = 0; i < kBidiCalls; i++)
        new Bidi(server);
    void *tag;
    bool ok;
    while (server.queue->Next(&tag, &ok))
        static_cast<Event *>(tag)->Complete(ok);
}

} // namespace

int main()
{
    Server server;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&server.service);
    server.queue = builder.AddCompletionQueue();
    std::unique_ptr<grpc::Server> running = builder.BuildAndStart();
    if (!running)
        return 1;
    std::fprintf(stderr, "msg=listening url=tcp://127.0.0.1:%d\n", port);
    Serve(server);
}
