using System.Runtime.InteropServices;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Tests.Families;

/// <summary>One tensor on both devices: what a kernel of the card is asked is asked of the CPU's, too.</summary>
internal sealed record Twin(Tensor Host, Tensor Card)
{
    public static IBackend Cpu => BackendRegistry.For(Device.Cpu);

    public static IBackend Gpu => BackendRegistry.For(TestCard.Device);

    /// <summary>The same numbers on both, of a dtype.</summary>
    public static Twin Of(double[] values, int[] dims, DType dtype)
    {
        var host = Tensor.FromArray(values, dims).To(dtype);
        return new(host, host.To(TestCard.Device));
    }

    /// <summary>Room for results, filled with something that no kernel writes.</summary>
    public static Twin Room(int[] dims, DType dtype)
    {
        var host = Tensor.Full(dims, 77, dtype);
        return new(host, host.To(TestCard.Device));
    }

    /// <summary>The same view of both.</summary>
    public Twin View(Func<Tensor, Tensor> view) => new(view(Host), view(Card));

    /// <summary>Runs a kernel on both.</summary>
    public static void Both(Action<IBackend, Func<Twin, Tensor>> kernel)
    {
        kernel(Cpu, twin => twin.Host);
        kernel(Gpu, twin => twin.Card);
    }

    /// <summary>Both hold the same, but for so many units in the last place; every NaN is one number.</summary>
    public void Agree(double ulps = 0, string what = "")
    {
        Assert.Equal(Host.Shape, Card.Shape);
        var home = Card.To(Device.Cpu);
        switch (Host.DType)
        {
            case DType.Float32: Agree(Host.ToArray<float>(), home.ToArray<float>(), ulps, what, x => BitConverter.SingleToInt32Bits(x), float.IsNaN); break;
            case DType.Float64: Agree(Host.ToArray<double>(), home.ToArray<double>(), ulps, what, x => BitConverter.DoubleToInt64Bits(x), double.IsNaN); break;
            case DType.Float16 or DType.BFloat16:
                Agree(Host.To(DType.Float32).ToArray<float>(), home.To(DType.Float32).ToArray<float>(), ulps, what, x => BitConverter.SingleToInt32Bits(x), float.IsNaN);
                break;
            case DType.Int32: Assert.Equal(Host.ToArray<int>(), home.ToArray<int>()); break;
            case DType.Int64: Assert.Equal(Host.ToArray<long>(), home.ToArray<long>()); break;
            default: Assert.Equal(MemoryMarshal.AsBytes(Host.ToArray<bool>().AsSpan()).ToArray(), MemoryMarshal.AsBytes(home.ToArray<bool>().AsSpan()).ToArray()); break;
        }
    }

    private static void Agree<T>(T[] host, T[] card, double ulps, string what, Func<T, long> bits, Func<T, bool> isNaN)
    {
        for (var i = 0; i < host.Length; i++)
        {
            if (isNaN(host[i]) && isNaN(card[i])) continue;
            var distance = Math.Abs((double)(Ordered(bits(host[i])) - (Int128)Ordered(bits(card[i]))));
            if (isNaN(host[i]) || isNaN(card[i]) || distance > ulps)
                Assert.Fail($"{what}: element {i} is {card[i]:R} on the card and {host[i]:R} on the CPU ({distance} units in the last place)");
        }

        // Bits in the order of the numbers, -0 just below +0.
        long Ordered(long b) => b >= 0 ? b : (typeof(T) == typeof(float) ? int.MinValue : long.MinValue) - b - 1;
    }

    /// <summary>Agreement to a relative or absolute error.</summary>
    public void Near(double tolerance, string what = "")
    {
        double[] host = Host.To(DType.Float64).ToArray<double>(), card = Card.To(Device.Cpu).To(DType.Float64).ToArray<double>();
        Assert.Equal(host.Length, card.Length);
        for (var i = 0; i < host.Length; i++)
        {
            if (host[i].Equals(card[i]) || host[i] == card[i]) continue;
            if (!(Math.Abs(host[i] - card[i]) <= tolerance * Math.Max(1, Math.Abs(host[i]))))
                Assert.Fail($"{what}: element {i} is {card[i]:R} on the card and {host[i]:R} on the CPU");
        }
    }
}
