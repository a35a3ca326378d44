// The CUDA launchers against the CPU versions, and the owner of device memory. Everything but the
// check of errors needs a device and says so when there is none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

#include "core/cuda/check.cuh"
#include "core/cuda/device.h"
#include "core/cuda/device_buffer.cuh"
#include "helpers.h"
#include "ops/compose/compose.h"
#include "ops/leave_one_out/leave_one_out.h"
#include "ops/ranking/ranking.h"
#include "ops/regions/regions.h"
#include "ops/responsibility/responsibility.h"
#include "ops/scores/scores.h"

namespace suffice {
namespace {

using cuda::DeviceBuffer;
using testing::in;
using testing::out;

class Cuda : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = cuda::why_unavailable();
    if (!reason.empty()) GTEST_SKIP() << reason;
    SUFFICE_CUDA_CHECK(cudaStreamCreate(&stream_));
  }
  void TearDown() override {
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

  template <class T>
  DeviceBuffer<T> to_device(const std::vector<T>& host) {
    return DeviceBuffer<T>(in(host), stream_);
  }

  template <class T>
  std::vector<T> to_host(const DeviceBuffer<T>& buffer) {
    std::vector<T> host(buffer.size());
    buffer.copy_to(out(host));
    SUFFICE_CUDA_CHECK(cudaStreamSynchronize(stream_));
    return host;
  }

  std::mt19937_64 random_{1};
  cudaStream_t stream_ = nullptr;
};

const std::vector<Shape> kShapes = {{1, 1}, {1, 65}, {65, 1}, {8, 8}, {33, 40}, {301, 517}};

TEST_F(Cuda, BuffersMoveAndKeepTheirValues) {
  const std::vector<int> values = {1, 2, 3};
  DeviceBuffer<int> first = to_device(values);
  DeviceBuffer<int> second = std::move(first);
  EXPECT_EQ(first.data(), nullptr);
  first = std::move(second);
  EXPECT_EQ(to_host(first), values);
  EXPECT_EQ(DeviceBuffer<int>(0, stream_).data(), nullptr);
}

TEST_F(Cuda, ComposeGivesTheCpusBits) {
  for (const Shape shape : kShapes) {
    std::vector<float> image(3 * shape.pixels());
    for (float& value : image) value = static_cast<float>(random_() % 1000);
    const std::vector<float> baseline(image.size(), -0.0F);
    const std::vector<Word> masks = testing::random_masks(random_, 70, shape.pixels());
    std::vector<float> expected(70 * image.size());
    compose(in(image), in(baseline), 3, in(masks), out(expected), 1);
    const auto x = to_device(image);
    const auto b = to_device(baseline);
    const auto m = to_device(masks);
    const auto to = to_device(std::vector<float>(expected.size(), 99.0F));
    cuda::ComposeInput input;
    input.sizes = {1, 3, static_cast<std::int64_t>(shape.pixels()), 70, 1, 0};
    input.image = x.data();
    input.baseline = b.data();
    input.bits = m.data();
    cuda::compose(input, Element::kFloat32, cuda::Layout::kNchw, to.data(), stream_);
    EXPECT_EQ(to_host(to), expected);
  }
}

TEST_F(Cuda, RegionsAndResponsibilityGiveTheCpusBits) {
  for (const Shape shape : kShapes) {
    const std::size_t n_words = words_for(shape.pixels());
    std::vector<std::int32_t> boxes;
    std::vector<std::int64_t> values;
    for (int n = 0; n < 500; ++n) {
      for (const std::size_t side : {shape.height, shape.width}) {
        const auto a = static_cast<std::int32_t>(random_() % (side + 1));
        const auto b = static_cast<std::int32_t>(random_() % (side + 1));
        boxes.insert(boxes.end(), {std::min(a, b), std::max(a, b)});
      }
      values.push_back(static_cast<std::int64_t>(random_() >> 16U));
    }
    const auto device_boxes = to_device(boxes);
    const auto device_values = to_device(values);

    std::vector<std::int64_t> sums(shape.pixels());
    accumulate(in(boxes), in(values), shape, out(sums));
    const auto device_sums = to_device(std::vector<std::int64_t>(shape.pixels(), -7));
    cuda::accumulate(device_boxes.data(), device_values.data(), 500, shape, device_sums.data(),
                     stream_);
    EXPECT_EQ(to_host(device_sums), sums);

    const std::vector<std::int64_t> offsets = {0, 0, 3, 500};
    std::vector<Word> masks(3 * n_words);
    masks_from_boxes(in(boxes), in(offsets), shape, out(masks));
    const auto device_offsets = to_device(offsets);
    const auto device_masks = to_device(std::vector<Word>(masks.size(), ~Word{0}));
    cuda::masks_from_boxes(device_boxes.data(), 500, device_offsets.data(), 3, shape,
                           device_masks.data(), stream_);
    EXPECT_EQ(to_host(device_masks), masks);

    std::vector<std::int32_t> labels(shape.pixels());
    tile_labels(shape, 7, out(labels));
    const auto n_regions = static_cast<std::size_t>(labels.back()) + 1;
    const std::vector<Word> choices = testing::random_masks(random_, 3, n_regions);
    masks_from_labels(in(labels), in(choices), n_regions, out(masks));
    const auto device_labels = to_device(labels);
    const auto device_choices = to_device(choices);
    cuda::masks_from_labels(device_labels.data(), static_cast<std::int64_t>(shape.pixels()),
                            device_choices.data(), 3, static_cast<std::int64_t>(n_regions),
                            device_masks.data(), stream_);
    EXPECT_EQ(to_host(device_masks), masks);
  }
}

TEST_F(Cuda, PrefixesAndSweepsGiveTheCpusBits) {
  for (const Shape shape : kShapes) {
    const std::size_t n_words = words_for(shape.pixels());
    std::vector<float> values(shape.pixels());
    for (float& value : values) value = static_cast<float>(random_() % 1000);
    std::vector<std::int32_t> order(shape.pixels());
    rank(in(values), Ties::kLast, out(order));
    const auto n = static_cast<std::int64_t>(shape.pixels());
    const std::vector<std::int64_t> lengths = {n, 0, n / 2, n / 3, 1};
    std::vector<Word> masks(lengths.size() * n_words);
    prefix_masks(in(order), in(lengths), shape.pixels(), out(masks));
    const auto device_order = to_device(order);
    const auto device_lengths = to_device(lengths);
    const auto device_masks = to_device(std::vector<Word>(masks.size(), ~Word{0}));
    cuda::prefix_masks(device_order.data(), n, device_lengths.data(), 5, n, device_masks.data(),
                       stream_);
    EXPECT_EQ(to_host(device_masks), masks);

    const std::vector<Word> mask = testing::random_masks(random_, 1, shape.pixels());
    const auto n_sweep = std::min<std::size_t>(order.size(), 300);
    const std::vector<std::int32_t> pixels(order.begin(),
                                           order.begin() + static_cast<std::ptrdiff_t>(n_sweep));
    masks.assign(n_sweep * n_words, 0);
    leave_one_out(in(mask), in(pixels), out(masks));
    const auto device_mask = to_device(mask);
    const auto device_pixels = to_device(pixels);
    const auto device_sweep = to_device(std::vector<Word>(masks.size(), ~Word{0}));
    cuda::leave_one_out(device_mask.data(), static_cast<std::int64_t>(n_words),
                        device_pixels.data(), static_cast<std::int64_t>(n_sweep),
                        device_sweep.data(), stream_);
    EXPECT_EQ(to_host(device_sweep), masks);
  }
}

TEST_F(Cuda, EmptyInputLaunchesNothing) {
  cuda::ComposeInput nothing;
  nothing.sizes = {1, 3, 64, 0, 1, 0};
  cuda::compose(nothing, Element::kFloat16, cuda::Layout::kNhwc, nullptr, stream_);
  cuda::prefix_masks(nullptr, 0, nullptr, 0, 64, nullptr, stream_);
  cuda::leave_one_out(nullptr, 1, nullptr, 0, nullptr, stream_);
  cuda::decide(nullptr, Element::kFloat32, 0, 2, nullptr, OutputKind::kLogits, nullptr, stream_);
  cuda::masks_from_boxes(nullptr, 0, nullptr, 0, {8, 8}, nullptr, stream_);
  cuda::masks_from_labels(nullptr, 64, nullptr, 0, 1, nullptr, stream_);
  cuda::accumulate(nullptr, nullptr, 0, {0, 0}, nullptr, stream_);
  SUFFICE_CUDA_CHECK(cudaStreamSynchronize(stream_));
}

TEST(CudaErrors, SayWhatFailedAndWhere) {
  try {
    SUFFICE_CUDA_CHECK(cudaErrorInvalidValue);
    FAIL() << "nothing was thrown";
  } catch (const cuda::CudaError& error) {
    EXPECT_EQ(error.code(), cudaErrorInvalidValue);
    EXPECT_NE(std::string(error.what()).find("cudaErrorInvalidValue failed: invalid argument"),
              std::string::npos);
    EXPECT_NE(std::string(error.what()).find("test_cuda.cu:"), std::string::npos);
  }
}

}  // namespace
}  // namespace suffice
