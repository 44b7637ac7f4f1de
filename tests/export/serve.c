/* Serves exports as TensorFlow Serving does, without Python: restores, initialises, runs.

   Reads orders from standard input, one a line, and answers on standard output:

     library PATH               the operations in a shared library become known
     load PATH                  from now on, this SavedModel
     feed OPERATION OUTPUT TYPE RANK DIMENSION... VALUE...
                                an input of the next run, row by row; TYPE is string or int64 or
                                int32, float32 or float64; a string is "=" and its bytes as hex
                                digits
     fetch OPERATION OUTPUT     an output of the next run
     run                        prints of each output: TYPE RANK DIMENSION... VALUE...

   It ends with status 0 at the end of the orders, and with 1 and a line that says why. */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { MOST = 64, RANKS = 8 };

static TF_Status* status;
static TF_Graph* graph;
static TF_Session* session;
static TF_Output inputs[MOST], outputs[MOST];
static TF_Tensor* values[MOST];
static int input_count, output_count;

static void fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const char* what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* The next word of the orders; NULL at their end. The caller frees it. */
static char* word(void) {
  char* text = NULL;
  int found = scanf("%ms", &text);
  return found == 1 ? text : NULL;
}

static char* needed(const char* what) {
  char* text = word();
  if (text == NULL) fail(what, "the orders end here");
  return text;
}

static int64_t number(const char* what) {
  char* text = needed(what);
  char* end;
  int64_t found = strtoll(text, &end, 10);
  if (*end != '\0') fail(what, text);
  free(text);
  return found;
}

static TF_Output place(void) {
  char* name = needed("operation");
  TF_Operation* operation = TF_GraphOperationByName(graph, name);
  if (operation == NULL) fail("no such operation", name);
  free(name);
  return (TF_Output){operation, (int)number("output")};
}

static void close_session(void) {
  if (session == NULL) return;
  TF_CloseSession(session, status);
  check("close");
  TF_DeleteSession(session, status);
  check("delete");
  TF_DeleteGraph(graph);
}

static void load(void) {
  char* path = needed("path");
  const char* tags[] = {"serve"};
  TF_SessionOptions* options = TF_NewSessionOptions();
  close_session();
  graph = TF_NewGraph();
  session = TF_LoadSessionFromSavedModel(options, NULL, path, tags, 1, graph, NULL, status);
  check(path);
  TF_DeleteSessionOptions(options);
  free(path);
}

static void library(void) {
  char* path = needed("path");
  TF_LoadLibrary(path, status);
  check(path);
  free(path);
}

static TF_DataType type_called(const char* name) {
  if (strcmp(name, "string") == 0) return TF_STRING;
  if (strcmp(name, "int64") == 0) return TF_INT64;
  if (strcmp(name, "int32") == 0) return TF_INT32;
  if (strcmp(name, "float32") == 0) return TF_FLOAT;
  if (strcmp(name, "float64") == 0) return TF_DOUBLE;
  fail("type", name);
  return TF_STRING;
}

/* The bytes that hex digits after "=" stand for, in the place of the text. */
static size_t bytes_of(char* text) {
  if (text[0] != '=') fail("a string begins with =", text);
  size_t size = (strlen(text) - 1) / 2;
  for (size_t i = 0; i < size; i++) {
    unsigned int byte;
    if (sscanf(text + 1 + 2 * i, "%2x", &byte) != 1) fail("hex digits", text);
    text[i] = (char)byte;
  }
  return size;
}

static void put(TF_Tensor* tensor, TF_DataType type, int64_t at) {
  char* text = needed("value");
  void* data = TF_TensorData(tensor);
  if (type == TF_STRING) {
    TF_TString* string = (TF_TString*)data + at;
    size_t size = bytes_of(text);
    TF_StringInit(string);
    TF_StringCopy(string, text, size);
  } else if (type == TF_INT64) {
    ((int64_t*)data)[at] = strtoll(text, NULL, 10);
  } else if (type == TF_INT32) {
    ((int32_t*)data)[at] = (int32_t)strtol(text, NULL, 10);
  } else if (type == TF_DOUBLE) {
    ((double*)data)[at] = strtod(text, NULL);
  } else {
    ((float*)data)[at] = strtof(text, NULL);
  }
  free(text);
}

static void feed(void) {
  if (input_count == MOST) fail("feed", "too many inputs");
  inputs[input_count] = place();
  char* name = needed("type");
  TF_DataType type = type_called(name);
  free(name);
  int rank = (int)number("rank");
  if (rank < 0 || rank > RANKS) fail("feed", "too many dimensions");
  int64_t shape[RANKS], count = 1;
  for (int i = 0; i < rank; i++) count *= shape[i] = number("dimension");
  size_t each = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
  TF_Tensor* tensor = TF_AllocateTensor(type, shape, rank, each * (size_t)count);
  for (int64_t i = 0; i < count; i++) put(tensor, type, i);
  values[input_count++] = tensor;
}

static void fetch(void) {
  if (output_count == MOST) fail("fetch", "too many outputs");
  outputs[output_count++] = place();
}

static void print_tensor(const TF_Tensor* tensor) {
  static const char* const names[] = {
      [TF_STRING] = "string", [TF_INT64] = "int64", [TF_INT32] = "int32", [TF_FLOAT] = "float32"};
  TF_DataType type = TF_TensorType(tensor);
  const void* data = TF_TensorData(tensor);
  int64_t count = TF_TensorElementCount(tensor);
  printf("%s %d", names[type], TF_NumDims(tensor));
  for (int i = 0; i < TF_NumDims(tensor); i++) printf(" %" PRId64, TF_Dim(tensor, i));
  for (int64_t i = 0; i < count; i++) {
    if (type == TF_STRING) {
      const TF_TString* string = (const TF_TString*)data + i;
      const char* bytes = TF_StringGetDataPointer(string);
      printf(" =");
      for (size_t j = 0; j < TF_StringGetSize(string); j++) printf("%02x", (unsigned char)bytes[j]);
    } else if (type == TF_INT64) {
      printf(" %" PRId64, ((const int64_t*)data)[i]);
    } else if (type == TF_INT32) {
      printf(" %" PRId32, ((const int32_t*)data)[i]);
    } else {
      printf(" %.9g", ((const float*)data)[i]);
    }
  }
  printf("\n");
}

static void run(void) {
  TF_Tensor* results[MOST] = {NULL};
  TF_SessionRun(session, NULL, inputs, values, input_count, outputs, results, output_count, NULL, 0,
                NULL, status);
  check("run");
  for (int i = 0; i < output_count; i++) {
    print_tensor(results[i]);
    TF_DeleteTensor(results[i]);
  }
  fflush(stdout); /* whoever waits for it may ask on */
  for (int i = 0; i < input_count; i++) TF_DeleteTensor(values[i]);
  input_count = output_count = 0;
}

int main(void) {
  status = TF_NewStatus();
  for (char* order = word(); order != NULL; order = word()) {
    if (strcmp(order, "load") == 0) load();
    else if (strcmp(order, "library") == 0) library();
    else if (session == NULL) fail("load comes first", order);
    else if (strcmp(order, "feed") == 0) feed();
    else if (strcmp(order, "fetch") == 0) fetch();
    else if (strcmp(order, "run") == 0) run();
    else fail("no such order", order);
    free(order);
  }
  close_session();
  TF_DeleteStatus(status);
  return 0;
}
