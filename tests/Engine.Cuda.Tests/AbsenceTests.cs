using Edifice.Engine.Cuda.Interop;

namespace Edifice.Engine.Cuda.Tests;

public class AbsenceTests
{
    public AbsenceTests() => CudaBackend.Register();

    [Fact]
    public void A_cuda_device_that_cannot_be_had_says_what_was_looked_for()
    {
        var error = Assert.Throws<DeviceUnavailableException>(() => Device.Cuda);
        Assert.Contains("cuda:0", error.Message, StringComparison.Ordinal);
        Assert.Contains(LibraryProbe.DriverNames[0], error.Message, StringComparison.Ordinal);
        Assert.Contains("Device.Cpu", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_does_not_exist_is_reported_with_every_place_tried()
    {
        var probe = LibraryProbe.Find(["libno-such-library.so.0"]);
        Assert.Equal(0, probe.Handle);
        Assert.Null(probe.Path);
        Assert.Equal("libno-such-library.so.0", probe.Tried[0]);
        Assert.True(probe.Tried.Count > 1);
        Assert.Contains("no CUDA driver was found", InstalledCards.Open(probe), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_card_of_the_tests_has_an_index_of_its_own()
    {
        var indices = Array.ConvertAll(Enum.GetValues<CardIndex>(), index => (int)index);
        Assert.Distinct(indices);
        Assert.All(indices, i => Assert.True(i > 3, "a machine may have it"));
    }

    [Fact]
    public void Work_goes_on_on_the_cpu_after_cuda_was_asked_for_in_vain()
    {
        Assert.Throws<DeviceUnavailableException>(() => Tensor.Zeros([2], device: Device.CudaAt(3)));
        using var y = Tensor.FromArray([1f, 2f]).Clone();
        Assert.Equal([1f, 2f], y.ToArray<float>());
    }
}
