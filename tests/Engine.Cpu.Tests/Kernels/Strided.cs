using System.Numerics;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>Tensors in any layout over random values, with NaN wherever the view does not reach.</summary>
internal static class Strided
{
    /// <summary>A tensor of normal values whose axes lie in memory in random order, some stretched, reversed or (unless
    /// <paramref name="written"/>) of stride 0.</summary>
    public static Tensor Random<T>(Random random, int[] dims, bool unitLast = false, bool written = false)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var last = unitLast ? dims.Length - 1 : -1;
        var order = Enumerable.Range(0, dims.Length).ToArray();
        random.Shuffle(order);
        if (unitLast) order = [.. order.Where(axis => axis != last), last];
        int[] steps = [.. dims.Select((_, axis) => axis == last ? 1 : random.Next(8) switch
        {
            0 => 2,
            1 when !written => 0,
            2 when !written => -1,
            3 when !written => -2,
            _ => 1,
        })];
        var t = new TensorCase(dims, order, steps, random.Next(5), Seed: 0).Build(_ => T.NaN);
        foreach (var index in Indices(dims)) At<T>(t, index) = T.CreateChecked(Normal(random));
        return t;
    }

    /// <summary>A contiguous tensor of normal values.</summary>
    public static Tensor Contiguous<T>(Random random, params int[] dims) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var t = Empty<T>(dims);
        foreach (ref var x in t.AsSpan<T>()) x = T.CreateChecked(Normal(random));
        return t;
    }

    /// <summary>A contiguous tensor; its memory holds NaN.</summary>
    public static Tensor Empty<T>(params int[] dims) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var t = Tensor.Allocate(dims, DTypes.Of<T>(), Device.Cpu);
        t.AsSpan<T>().Fill(T.NaN);
        return t;
    }

    /// <summary>The same values in a layout of their own.</summary>
    public static Tensor Copy<T>(Tensor source) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var t = Empty<T>(source.Layout.Dims);
        foreach (var index in Indices(source.Layout.Dims)) At<T>(t, index) = At<T>(source, index);
        return t;
    }

    /// <summary>A second view of the same memory in the same layout but with memory of its own.</summary>
    public static Tensor Twin<T>(Tensor source) where T : unmanaged
    {
        var t = new Tensor(CpuBackend.Instance.Allocate(source.Storage.ByteLength), source.Layout, source.Offset, source.DType);
        Memory<T>(source).CopyTo(Memory<T>(t));
        return t;
    }

    /// <summary>Everything under a tensor, gaps included.</summary>
    public static Span<T> Memory<T>(Tensor t) where T : unmanaged => System.Runtime.InteropServices.MemoryMarshal.CreateSpan(
        ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref t.Storage.HostData),
        (int)(t.Storage.ByteLength / System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));

    /// <summary>One element.</summary>
    public static ref T At<T>(Tensor t, params ReadOnlySpan<int> index) where T : unmanaged
    {
        var place = t.Offset;
        for (var axis = 0; axis < index.Length; axis++) place += index[axis] * t.Strides[axis];
        return ref Memory<T>(t)[(int)place];
    }

    /// <summary>All indices of a shape, the last axis running fastest.</summary>
    public static IEnumerable<int[]> Indices(int[] dims)
    {
        if (dims.Contains(0)) yield break;
        var index = new int[dims.Length];
        while (true)
        {
            yield return index;
            var axis = dims.Length - 1;
            while (axis >= 0 && ++index[axis] == dims[axis]) index[axis--] = 0;
            if (axis < 0) yield break;
        }
    }

    /// <summary>A standard normal value (Box and Muller).</summary>
    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>The bits of a floating-point number, for comparisons that tell -0 from 0.</summary>
    public static long Bits<T>(T x) => x switch
    {
        float f => BitConverter.SingleToInt32Bits(f),
        double d => BitConverter.DoubleToInt64Bits(d),
        _ => throw new NotSupportedException(),
    };

    public static long[] Bits<T>(Tensor t) where T : unmanaged
    {
        var all = new List<long>();
        foreach (var index in Indices(t.Layout.Dims)) all.Add(Bits(At<T>(t, index)));
        return [.. all];
    }
}
