using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Interop;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda.Tests.Memory;

/// <summary>What goes wrong between the driver and a tensor, and what is said about it.</summary>
[Collection(FakeCuda.CollectionName)]
public class DriverErrorTests
{
    private const int Index = (int)CardIndex.Failing;

    public DriverErrorTests()
    {
        FakeCuda.Begin();
        s_opened = null;
        CudaBackend.Register(Index, Open);
    }

    private static Device Card => Device.CudaAt(Index);

    private static CudaBackend Backend => (CudaBackend)BackendRegistry.For(Card);

    [Fact]
    public void A_driver_too_old_for_the_kernels_names_both_versions()
    {
        FakeCuda.DriverVersion = 10020;
        var reason = InstalledCards.Open(FakeCuda.Api);
        Assert.Contains("CUDA 10.2", reason, StringComparison.Ordinal);
        Assert.Contains("CUDA 11.0", reason, StringComparison.Ordinal);
        Assert.Contains("update the driver", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_below_the_target_names_both_architectures()
    {
        FakeCuda.Major = 6;
        var reason = InstalledCards.Open(FakeCuda.Api);
        Assert.Contains("sm_60", reason, StringComparison.Ordinal);
        Assert.Contains("sm_70", reason, StringComparison.Ordinal);
        Assert.Contains("Device.Cpu", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_driver_without_a_card_says_so()
    {
        FakeCuda.Cards = 0;
        Assert.Contains("there is no card", InstalledCards.Open(FakeCuda.Api), StringComparison.Ordinal);
    }

    [Fact]
    public void The_compilers_log_is_part_of_the_error()
    {
        FakeCuda.Compilation = (218, "line 7: unknown instruction 'frobnicate'");
        var error = Assert.Throws<CudaException>(() => Driver().LoadModule("frobnicate;"));
        Assert.Contains("line 7: unknown instruction 'frobnicate'", error.Message, StringComparison.Ordinal);
        Assert.Contains("CUDA_ERROR_218", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parameters_reach_a_kernel_in_order_with_natural_alignment()
    {
        var driver = Driver();
        var arguments = new KernelArguments();
        arguments.Add(7u);
        arguments.Add(0x1122334455667788UL);
        arguments.AddScalar(DType.Float32, 1.5);
        arguments.AddScalar(DType.Float64, 2.5);
        driver.Launch(driver.GetFunction(driver.LoadModule(""), "f"), new LaunchShape(1, 1, 1, 32, 1, 1, 0), arguments.Bytes, default);
        Assert.Equal(
            (byte[])[7, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, .. BitConverter.GetBytes(1.5f), 0, 0, 0, 0, .. BitConverter.GetBytes(2.5)],
            FakeCuda.LastArguments);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4 << 20)]
    [InlineData((4 << 20) + 1)]
    [InlineData((13 << 20) + 5)]
    public void Copies_of_any_length_arrive_whole(int length)
    {
        FakeCuda.Capacity = 1 << 25;
        var driver = Driver();
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        var block = driver.Allocate(length, default);
        driver.CopyToDevice(sent, block, default);
        var received = new byte[length];
        driver.CopyToHost(block, received, default);
        Assert.Equal(sent, received);
    }

    [Fact]
    public void Memory_given_back_is_handed_out_again_without_the_driver()
    {
        var blocks = 0;
        for (var i = 0; i < 10; i++)
        {
            using var x = Tensor.FromArray(new float[1000 + i], Card);
            if (i == 0) blocks = FakeCuda.Blocks;
        }

        Assert.Equal(blocks, FakeCuda.Blocks);
        Assert.Equal(0, Backend.Memory.InUse);
        Backend.Memory.Trim();
        Assert.Equal(0, FakeCuda.Blocks);
    }

    [Fact]
    public void A_full_card_gives_back_what_is_kept_unused()
    {
        Tensor.FromArray(new float[150_000], Card).Dispose();
        using var other = Tensor.FromArray(new float[200_000], Card);
        Assert.Equal(200_000, other.Count);
    }

    [Fact]
    public void A_full_card_collects_tensors_that_nobody_refers_to()
    {
        Forget();
        using var other = Tensor.FromArray(new float[200_000], Card);
        Assert.Equal(200_000, other.Count);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Forget() => _ = Tensor.FromArray(new float[150_000], Card);
    }

    [Fact]
    public void Out_of_memory_says_what_was_asked_for_and_what_is_held()
    {
        using var held = Tensor.FromArray(new float[150_000], Card);
        var error = Assert.Throws<CudaOutOfMemoryException>(() => Tensor.FromArray(new float[200_000], Card));
        Assert.Contains("800000 bytes was asked for", error.Message, StringComparison.Ordinal);
        Assert.Contains($"hold {FakeCuda.Held} bytes in 1 blocks", error.Message, StringComparison.Ordinal);
        Assert.Contains("Checkpoint", error.Message, StringComparison.Ordinal);
        Assert.Equal(new float[150_000], held.ToArray<float>());
    }

    [Fact]
    public void A_kernels_failure_loses_the_card_and_says_so_and_the_cpu_goes_on()
    {
        var x = Tensor.FromArray([1f, 2f], Card);
        FakeCuda.WaitStatus = 700;
        var first = Assert.Throws<CudaContextLostException>(() => x.ToArray<float>());
        Assert.Contains("CUDA_ERROR_700", first.Message, StringComparison.Ordinal);
        Assert.Contains("Device.Cpu is not affected", first.Message, StringComparison.Ordinal);
        Assert.Equal(first.Message, Assert.Throws<CudaContextLostException>(() => Tensor.FromArray([1f], Card)).Message);
        x.Dispose();
        using var y = Tensor.FromArray([1f, 2f]) + 1;
        Assert.Equal([2f, 3f], y.ToArray<float>());
    }

    [Fact]
    public void A_tensor_from_before_a_reset_says_so_and_the_card_works_again()
    {
        var x = Tensor.FromArray([1f, 2f], Card);
        FakeCuda.WaitStatus = 719;
        Assert.Throws<CudaContextLostException>(() => x.ToArray<float>());
        CudaBackend.Reset(Index);
        using var y = Tensor.FromArray([3f], Card);
        Assert.Equal([3f], y.ToArray<float>());
        Assert.Equal(1, FakeCuda.Resets);
        Assert.Contains("was reset since", Assert.Throws<CudaContextLostException>(() => x.ToArray<float>()).Message, StringComparison.Ordinal);
        x.Dispose();
        Assert.Equal([3f], y.ToArray<float>());
    }

    [Fact]
    public void An_op_on_two_devices_names_both()
    {
        using var a = Tensor.FromArray([1f, 2f], Card);
        using var b = Tensor.FromArray([1f, 2f]);
        foreach (var op in new Func<Tensor>[] { () => a + b, () => a.Reshape(1, 2).MatMul(b.Reshape(2, 1)), () => Tensor.Cat([a, b], 0), () => a < b, () => b.AddInPlace(a) })
        {
            var error = Assert.Throws<TensorException>(op);
            Assert.Contains(Card.ToString(), error.Message, StringComparison.Ordinal);
            Assert.Contains("cpu", error.Message, StringComparison.Ordinal);
        }
    }

    private static NativeDriver Driver() => new(FakeCuda.Api, 0);

    private static NativeDriver? s_opened;

    private static CudaBackend Open()
    {
        if (s_opened?.Lost is not null) s_opened.Reset();
        s_opened = Driver();
        return new CudaBackend(s_opened, new NativeBlas(s_opened), new NativeFourier(s_opened), Index, keepsMemory: true);
    }
}
