/* SPDX-License-Identifier: BSD-3-Clause */
/* Server reflection; see reflection.h. What was not found is said inside of the stream. */
#include "proto/grpc/reflection.h"

#include <stdlib.h>

#include <reflection.pb-c.h>

#include <shoal/error.h>

#include "proto/grpc/builtin.h"
#include "proto/grpc/descriptors.h"
#include "proto/grpc/service.h"

typedef Shoal__Grpc__Reflection__ServerReflectionRequest request_message;
typedef Shoal__Grpc__Reflection__ServerReflectionResponse response_message;

#define ASKS(what) SHOAL__GRPC__REFLECTION__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define SAYS(what) SHOAL__GRPC__REFLECTION__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

struct shoal__grpc_reflection {
    struct shoal__descriptors index;
};

static const struct shoal__descriptors *index_of(const struct shoal_grpc_call *call)
{
    return &((struct shoal_grpc *)shoal_grpc_arg(call))->reflection->index;
}

/* Answers. Each fills the response with memory of the call's; false where that is out. */

static bool say_error(struct shoal_grpc_call *call, response_message *response, int status,
                      const char *text)
{
    Shoal__Grpc__Reflection__ErrorResponse *error = shoal_grpc_alloc(call, sizeof(*error));
    if (!error)
        return false;
    shoal__grpc__reflection__error_response__init(error);
    error->error_code = status;
    error->error_message = (char *)(uintptr_t)text; /* only read */
    response->message_response_case = SAYS(ERROR_RESPONSE);
    response->error_response = error;
    return true;
}

static bool say_file(struct shoal_grpc_call *call, response_message *response,
                     struct shoal_view file)
{
    if (!file.data)
        return say_error(call, response, SHOAL_GRPC_NOT_FOUND, "not found");
    Shoal__Grpc__Reflection__FileDescriptorResponse *found = shoal_grpc_alloc(call, sizeof(*found));
    ProtobufCBinaryData *bytes = shoal_grpc_alloc(call, sizeof(*bytes));
    if (!found || !bytes)
        return false;
    shoal__grpc__reflection__file_descriptor_response__init(found);
    *bytes = (ProtobufCBinaryData){file.size, (uint8_t *)(uintptr_t)file.data};
    found->n_file_descriptor_proto = 1;
    found->file_descriptor_proto = bytes;
    response->message_response_case = SAYS(FILE_DESCRIPTOR_RESPONSE);
    response->file_descriptor_response = found;
    return true;
}

static bool say_numbers(struct shoal_grpc_call *call, response_message *response,
                        const char *extended)
{
    const struct shoal__descriptors *index = index_of(call);
    struct shoal_view name = shoal_view_of(extended);
    if (!shoal__descriptors_symbol(index, name).data)
        return say_error(call, response, SHOAL_GRPC_NOT_FOUND, "not found");
    size_t count = shoal__descriptors_numbers(index, name, NULL, 0);
    int32_t *numbers = shoal_grpc_alloc(call, count * sizeof(*numbers));
    Shoal__Grpc__Reflection__ExtensionNumberResponse *found =
        shoal_grpc_alloc(call, sizeof(*found));
    if (!numbers || !found)
        return false;
    shoal__grpc__reflection__extension_number_response__init(found);
    found->base_type_name = (char *)(uintptr_t)extended;
    found->n_extension_number = shoal__descriptors_numbers(index, name, numbers, count);
    found->extension_number = numbers;
    response->message_response_case = SAYS(ALL_EXTENSION_NUMBERS_RESPONSE);
    response->all_extension_numbers_response = found;
    return true;
}

/* Whether no newer method of the set is of the same service. */
static bool is_first_of_service(const struct shoal_grpc *grpc,
                                const struct shoal__grpc_method *method)
{
    struct shoal_view name = shoal__grpc_service_of(method);
    const struct shoal__grpc_method *other = grpc->first;
    while (!shoal_view_equal(shoal__grpc_service_of(other), name))
        other = other->next;
    return other == method;
}

static Shoal__Grpc__Reflection__ServiceResponse *
name_service(struct shoal_grpc_call *call, const struct shoal__grpc_method *method)
{
    Shoal__Grpc__Reflection__ServiceResponse *service = shoal_grpc_alloc(call, sizeof(*service));
    if (!service)
        return NULL;
    shoal__grpc__reflection__service_response__init(service);
    service->name = shoal_grpc_copy(call, shoal__grpc_service_of(method));
    return service->name ? service : NULL;
}

static bool say_services(struct shoal_grpc_call *call, response_message *response)
{
    const struct shoal_grpc *grpc = shoal_grpc_arg(call);
    size_t room = grpc->methods.count;
    Shoal__Grpc__Reflection__ListServiceResponse *list = shoal_grpc_alloc(call, sizeof(*list));
    Shoal__Grpc__Reflection__ServiceResponse **services =
        shoal_grpc_alloc(call, room * sizeof(*services));
    if (!list || !services)
        return false;
    shoal__grpc__reflection__list_service_response__init(list);
    list->service = services;
    for (const struct shoal__grpc_method *method = grpc->first; method; method = method->next) {
        if (!is_first_of_service(grpc, method))
            continue;
        services[list->n_service] = name_service(call, method);
        if (!services[list->n_service++])
            return false;
    }
    response->message_response_case = SAYS(LIST_SERVICES_RESPONSE);
    response->list_services_response = list;
    return true;
}

static bool say(struct shoal_grpc_call *call, const request_message *request,
                response_message *response)
{
    const struct shoal__descriptors *index = index_of(call);
    const Shoal__Grpc__Reflection__ExtensionRequest *extension;
    switch (request->message_request_case) {
    case ASKS(FILE_BY_FILENAME):
        return say_file(call, response,
                        shoal__descriptors_file(index, shoal_view_of(request->file_by_filename)));
    case ASKS(FILE_CONTAINING_SYMBOL):
        return say_file(
            call, response,
            shoal__descriptors_symbol(index, shoal_view_of(request->file_containing_symbol)));
    case ASKS(FILE_CONTAINING_EXTENSION):
        extension = request->file_containing_extension;
        return say_file(call, response,
                        shoal__descriptors_extension(index,
                                                     shoal_view_of(extension->containing_type),
                                                     extension->extension_number));
    case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return say_numbers(call, response, request->all_extension_numbers_of_type);
    case ASKS(LIST_SERVICES):
        return say_services(call, response);
    default:
        return say_error(call, response, SHOAL_GRPC_INVALID_ARGUMENT, "nothing was asked");
    }
}

static int on_message(struct shoal_grpc_call *call, const void *request)
{
    const request_message *asked = request;
    response_message response = SHOAL__GRPC__REFLECTION__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = asked->host;
    response.original_request = (request_message *)(uintptr_t)asked;
    int rc = say(call, asked, &response) ? shoal_grpc_send(call, &response) : -SHOAL_ENOMEM;
    if (rc < 0)
        return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "the answer cannot be sent");
    if (rc == 1)
        shoal_grpc_pause(call); /* until it is drained */
    return SHOAL_GRPC_LATER;
}

static void on_drained(struct shoal_grpc_call *call)
{
    shoal_grpc_resume(call);
}

static const struct shoal_grpc_stream reflecting = {.on_message = on_message,
                                                    .on_drained = on_drained};

/* Registration */

static int register_services(struct shoal_grpc *grpc)
{
    struct shoal__grpc_method method = {
        .input = &shoal__grpc__reflection__server_reflection_request__descriptor,
        .output = &shoal__grpc__reflection__server_reflection_response__descriptor,
        .kind = SHOAL_GRPC_BIDI,
        .stream = &reflecting,
        .arg = grpc,
    };
    int rc = shoal__grpc_set_add(grpc, "grpc.reflection.v1.ServerReflection",
                                 "ServerReflectionInfo", &method);
    return rc < 0 ? rc
                  : shoal__grpc_set_add(grpc, "grpc.reflection.v1alpha.ServerReflection",
                                        "ServerReflectionInfo", &method);
}

int shoal__grpc_reflection_add(struct shoal_grpc *grpc, struct shoal_view descriptor_set)
{
    if (!grpc->reflection) {
        grpc->reflection = calloc(1, sizeof(*grpc->reflection));
        if (!grpc->reflection)
            return -SHOAL_ENOMEM;
        shoal__descriptors_init(&grpc->reflection->index);
        int rc = register_services(grpc);
        if (rc == 0)
            rc = shoal__descriptors_add(
                &grpc->reflection->index,
                shoal_view(shoal__grpc_builtin_set, shoal__grpc_builtin_set_size));
        if (rc < 0)
            return rc;
    }
    return shoal__descriptors_add(&grpc->reflection->index, descriptor_set);
}

void shoal__grpc_reflection_destroy(struct shoal__grpc_reflection **reflection)
{
    if (!*reflection)
        return;
    shoal__descriptors_fini(&(*reflection)->index);
    free(*reflection);
    *reflection = NULL;
}
