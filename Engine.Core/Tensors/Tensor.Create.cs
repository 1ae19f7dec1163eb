using System.Runtime.InteropServices;
using Edifice.Engine.Backends;

namespace Edifice.Engine;

public sealed partial class Tensor
{
    /// <summary>New memory whose content is undefined: the result of an op about to be written in full.</summary>
    internal static Tensor Allocate(Layout layout, DType dtype, Device device) =>
        new(BackendRegistry.For(device).Allocate(layout.Count * dtype.SizeOf()), layout, 0, dtype);

    /// <summary>As <see cref="Allocate(Layout, DType, Device)"/>, row-major.</summary>
    internal static Tensor Allocate(Shape shape, DType dtype, Device device) => Allocate(Layout.Contiguous(shape), dtype, device);

    /// <summary>Undefined row-major memory of this tensor's shape, dtype and device.</summary>
    internal Tensor AllocateLike() => AllocateLike(DType);

    internal Tensor AllocateLike(DType dtype) => Allocate(IsContiguous ? Layout : Layout.Contiguous(Layout.Dims), dtype, Device);

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape, DType dtype = DType.Float32, Device? device = null) => Full(shape, 0, dtype, device);

    /// <summary>A tensor of ones.</summary>
    public static Tensor Ones(Shape shape, DType dtype = DType.Float32, Device? device = null) => Full(shape, 1, dtype, device);

    /// <summary>A tensor with one value everywhere, converted to <paramref name="dtype"/>.</summary>
    public static Tensor Full(Shape shape, double value, DType dtype = DType.Float32, Device? device = null)
    {
        var y = Allocate(shape, dtype, device ?? Device.Cpu);
        y.Backend.Fill(y, value);
        return y;
    }

    /// <summary>A tensor without axes.</summary>
    public static Tensor Scalar(double value, DType dtype = DType.Float32, Device? device = null) =>
        Full(Shape.Scalar, value, dtype, device);

    /// <summary>Zeros of this tensor's shape, dtype and device.</summary>
    public Tensor ZerosLike() => Zeros(Shape, DType, Device);

    /// <summary>Ones of this tensor's shape, dtype and device.</summary>
    public Tensor OnesLike() => Ones(Shape, DType, Device);

    /// <summary>One value in this tensor's shape, dtype and device.</summary>
    public Tensor FullLike(double value) => Full(Shape, value, DType, Device);

    /// <summary>A copy of row-major elements.</summary>
    /// <exception cref="TensorException">The number of elements does not fit the shape.</exception>
    public static Tensor FromSpan<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null) where T : unmanaged
    {
        if (shape.Count != values.Length)
            throw new TensorException($"FromSpan: {values.Length} elements do not fill the shape {shape} ({shape.Count} elements)");
        var y = Allocate(shape, DTypes.Of<T>(), device ?? Device.Cpu);
        y.Backend.Write(MemoryMarshal.AsBytes(values), y.Storage, 0);
        return y;
    }

    /// <summary>A copy of row-major elements.</summary>
    public static Tensor FromArray<T>(T[] values, Shape shape, Device? device = null) where T : unmanaged =>
        FromSpan<T>(values, shape, device);

    /// <summary>A one-axis copy of an array.</summary>
    public static Tensor FromArray<T>(T[] values, Device? device = null) where T : unmanaged =>
        FromSpan<T>(values, [values.Length], device);

    /// <summary>A copy of a rectangular array.</summary>
    public static Tensor FromArray<T>(T[,] values, Device? device = null) where T : unmanaged =>
        FromSpan<T>(
            MemoryMarshal.CreateReadOnlySpan(
                ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(values)), values.Length),
            [values.GetLength(0), values.GetLength(1)], device);

    /// <summary>start, start + step, … below <paramref name="end"/> (above it for a negative step). Value i is
    /// start + i · step, formed in double.</summary>
    public static Tensor Arange(double start, double end, double step = 1, DType dtype = DType.Float32, Device? device = null)
    {
        if (step == 0 || !double.IsFinite(start) || !double.IsFinite(end) || !double.IsFinite(step))
            throw new TensorException($"Arange: needs finite bounds and a step other than 0, got {start}, {end}, {step}");
        var n = Math.Max(0, Math.Ceiling((end - start) / step));
        if (n > int.MaxValue) throw new TensorException($"Arange: {n} elements are more than an axis holds");
        var values = new double[(int)n];
        for (var i = 0; i < values.Length; i++) values[i] = start + i * step;
        return FromDoubles(values, [values.Length], dtype, device);
    }

    /// <summary>0, 1, …, n - 1 as int64 unless another dtype is asked for.</summary>
    public static Tensor Arange(int n, DType dtype = DType.Int64, Device? device = null) => Arange(0, n, 1, dtype, device);

    /// <summary><paramref name="count"/> evenly spaced values, both ends included; the last is exactly
    /// <paramref name="end"/>.</summary>
    public static Tensor Linspace(double start, double end, int count, DType dtype = DType.Float32, Device? device = null)
    {
        if (count < 0) throw new TensorException($"Linspace: the count cannot be {count}");
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = i == count - 1 && count > 1 ? end : start + (end - start) * i / Math.Max(1, count - 1);
        return FromDoubles(values, [count], dtype, device);
    }

    /// <summary>The identity: ones on the main diagonal of a rows × columns matrix.</summary>
    public static Tensor Eye(int rows, int? columns = null, DType dtype = DType.Float32, Device? device = null)
    {
        var m = columns ?? rows;
        var y = Zeros([rows, m], dtype, device);
        var n = Math.Min(rows, m);
        if (n == 0) return y;
        var diagonal = new Tensor(y.Storage, new Layout([n], [m + 1L]), 0, dtype, retain: true);
        y.Backend.Fill(diagonal, 1);
        diagonal.Dispose();
        return y;
    }

    /// <summary>Uniform numbers on [low, high).</summary>
    public static Tensor Rand(
        Shape shape, DType dtype = DType.Float32, double low = 0, double high = 1, Generator? generator = null, Device? device = null) =>
        Draw(RandomKernel.Uniform, shape, dtype, low, high, generator, device);

    /// <summary>Normal numbers.</summary>
    public static Tensor Randn(
        Shape shape, DType dtype = DType.Float32, double mean = 0, double std = 1, Generator? generator = null, Device? device = null) =>
        Draw(RandomKernel.Normal, shape, dtype, mean, std, generator, device);

    /// <summary>Normal numbers conditioned on [low, high] (absolute bounds), by inversion of the distribution function.</summary>
    public static Tensor TruncatedNormal(
        Shape shape, double mean = 0, double std = 1, double low = -2, double high = 2, DType dtype = DType.Float32,
        Generator? generator = null, Device? device = null)
    {
        if (!(low < high)) throw new TensorException($"TruncatedNormal: the bounds [{low}, {high}] are empty");
        if (!(std > 0)) throw new TensorException($"TruncatedNormal: the standard deviation must be positive, got {std}");
        var g = generator ?? Generator.Current;
        var n = checked((int)shape.Count);
        var start = g.Advance(n);
        var values = new double[n];
        double a = NormalDistribution.Cdf((low - mean) / std), b = NormalDistribution.Cdf((high - mean) / std);
        for (var i = 0; i < n; i++)
        {
            var p = a + (b - a) * Philox.Uniform(g.Seed, start + (ulong)i);
            values[i] = Math.Clamp(mean + std * NormalDistribution.Quantile(p), low, high);
        }

        return FromDoubles(values, shape, dtype, device);
    }

    /// <summary>0 … n - 1 in random order (Fisher–Yates), int64.</summary>
    public static Tensor Permutation(int n, Generator? generator = null, Device? device = null)
    {
        if (n < 0) throw new TensorException($"Permutation: the length cannot be {n}");
        var g = generator ?? Generator.Current;
        var order = new long[n];
        for (var i = 0; i < n; i++) order[i] = i;
        for (var i = n - 1; i > 0; i--)
        {
            var j = g.NextInt(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return FromArray(order, device);
    }

    internal static Tensor FromDoubles(double[] values, Shape shape, DType dtype, Device? device = null)
    {
        var exact = FromSpan<double>(values, shape, device);
        if (dtype == DType.Float64) return exact;
        var y = Allocate(shape, dtype, exact.Device);
        y.Backend.Copy(exact, y);
        exact.Dispose();
        return y;
    }

    private static Tensor Draw(
        RandomKernel kernel, Shape shape, DType dtype, double p0, double p1, Generator? generator, Device? device)
    {
        if (!dtype.IsFloating()) throw new TensorException($"random {kernel} numbers need a floating dtype, got {dtype}");
        if (!double.IsFinite(p0) || !double.IsFinite(p1))
            throw new TensorException($"random {kernel} numbers need finite parameters, got {p0}, {p1}");
        var g = generator ?? Generator.Current;
        var y = Allocate(shape, dtype.IsComputeFloat() ? dtype : DType.Float32, device ?? Device.Cpu);
        y.Backend.Random(kernel, g.Seed, g.Advance(y.Count), p0, p1, y);
        return y.DType == dtype ? y : y.To(dtype);
    }
}
