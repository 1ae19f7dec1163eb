using System.Runtime.InteropServices;
using Edifice.Engine;
using Edifice.Engine.Cuda.Driver;

namespace PtxEmulator.Libraries;

/// <summary>cuFFT by the sums that define the transforms, in double, over an emulated card's memory.</summary>
internal sealed class EmulatedFourier(ICudaDriver driver) : IDeviceFourier
{
    /// <inheritdoc/>
    public void Transform(in TransformPlan plan, DevicePointer source, DevicePointer destination, StreamHandle stream)
    {
        if (plan.Length < 1 || plan.Rows < 1 || plan.Batch < 1) throw new ArgumentException($"an empty transform: {plan}");
        if (plan.Rows > 1 && plan.Kind != TransformKind.RealForward) throw new ArgumentException($"only the real transform forward is known in two dimensions: {plan}");
        switch (plan.Type)
        {
            case DType.Float32: Run<float>(plan, source, destination, stream); break;
            case DType.Float64: Run<double>(plan, source, destination, stream); break;
            default: throw new ArgumentException($"no transforms of {plan.Type}");
        }
    }

    private void Run<T>(in TransformPlan plan, DevicePointer source, DevicePointer destination, StreamHandle stream) where T : unmanaged
    {
        var half = plan.Length / 2 + 1;
        var (real, inputs) = plan.Kind switch
        {
            TransformKind.RealForward => (true, plan.Length),
            TransformKind.RealInverse => (false, half),
            _ => (false, plan.Length),
        };
        var outputs = plan.Kind == TransformKind.RealForward ? half : plan.Length;
        var realOutput = plan.Kind == TransformKind.RealInverse;
        var roots = Roots(plan.Length, plan.Kind is TransformKind.Forward or TransformKind.RealForward);
        // All signals are read first: source and destination may be the same.
        var signals = new (double Re, double Im)[plan.Batch * plan.Rows][];
        for (var i = 0; i < signals.Length; i++)
        {
            signals[i] = Read<T>(source, i * (long)plan.InputDistance, plan.InputStride, inputs, real, stream);
            if (plan.Kind == TransformKind.RealInverse) signals[i] = Whole(signals[i], plan.Length);
            signals[i] = Sum(signals[i], roots, outputs);
        }

        if (plan.Rows > 1) Columns(signals, plan.Rows);
        for (var i = 0; i < signals.Length; i++) Write<T>(signals[i], destination, i * (long)plan.OutputDistance, plan.OutputStride, realOutput, stream);
        if (plan.Kind == TransformKind.RealInverse && source != destination) Spoil<T>(plan, source, half, stream);
    }

    /// <summary>The second dimension: the transforms along the rows of each group are transformed across them.</summary>
    private static void Columns((double Re, double Im)[][] signals, int rows)
    {
        var roots = Roots(rows, true);
        for (var first = 0; first < signals.Length; first += rows)
            for (var bin = 0; bin < signals[first].Length; bin++)
            {
                var column = Sum([.. Enumerable.Range(first, rows).Select(r => signals[r][bin])], roots, rows);
                for (var r = 0; r < rows; r++) signals[first + r][bin] = column[r];
            }
    }

    private static (double Re, double Im)[] Roots(int n, bool forward)
    {
        var roots = new (double, double)[n];
        for (var i = 0; i < n; i++)
        {
            var (sin, cos) = Math.SinCos(2 * Math.PI * i / n);
            roots[i] = (cos, forward ? -sin : sin);
        }

        return roots;
    }

    private static (double Re, double Im)[] Sum((double Re, double Im)[] x, (double Re, double Im)[] roots, int outputs)
    {
        var y = new (double Re, double Im)[outputs];
        for (var k = 0; k < outputs; k++)
        {
            double re = 0, im = 0;
            var at = 0;
            foreach (var (a, b) in x)
            {
                var (c, s) = roots[at];
                re += a * c - b * s;
                im += a * s + b * c;
                at += k;
                if (at >= roots.Length) at -= roots.Length;
            }

            y[k] = (re, im);
        }

        return y;
    }

    /// <summary>The spectrum of a real signal from its first half. What cuFFT makes of imaginary parts that a real signal cannot have is
    /// not documented, so they must not be there.</summary>
    private static (double Re, double Im)[] Whole((double Re, double Im)[] half, int n)
    {
        if (half[0].Im != 0 || (n % 2 == 0 && half[n / 2].Im != 0)) throw new ArgumentException("bins 0 and n/2 of a real signal's spectrum must be real");
        var whole = new (double, double)[n];
        for (var k = 0; k < n; k++) whole[k] = k < half.Length ? half[k] : (half[n - k].Re, -half[n - k].Im);
        return whole;
    }

    private unsafe (double Re, double Im)[] Read<T>(DevicePointer start, long first, int stride, int count, bool real, StreamHandle stream) where T : unmanaged
    {
        var parts = real ? 1 : 2;
        var numbers = new T[count * parts];
        if (stride == 1) driver.CopyToHost(At<T>(start, first * parts), MemoryMarshal.AsBytes(numbers.AsSpan()), stream);
        else
            for (var i = 0; i < count; i++) driver.CopyToHost(At<T>(start, (first + (long)i * stride) * parts), MemoryMarshal.AsBytes(numbers.AsSpan(i * parts, parts)), stream);
        var signal = new (double, double)[count];
        for (var i = 0; i < count; i++) signal[i] = (Wide(numbers[i * parts]), real ? 0 : Wide(numbers[i * parts + 1]));
        return signal;
    }

    private void Write<T>((double Re, double Im)[] signal, DevicePointer start, long first, int stride, bool real, StreamHandle stream) where T : unmanaged
    {
        var parts = real ? 1 : 2;
        var numbers = new T[signal.Length * parts];
        for (var i = 0; i < signal.Length; i++)
        {
            numbers[i * parts] = Narrow<T>(signal[i].Re);
            if (!real) numbers[i * parts + 1] = Narrow<T>(signal[i].Im);
        }

        if (stride == 1) driver.CopyToDevice(MemoryMarshal.AsBytes(numbers.AsSpan()), At<T>(start, first * parts), stream);
        else
            for (var i = 0; i < signal.Length; i++) driver.CopyToDevice(MemoryMarshal.AsBytes(numbers.AsSpan(i * parts, parts)), At<T>(start, (first + (long)i * stride) * parts), stream);
    }

    /// <summary>cuFFT may use the source of this transform as its scratch: whoever reads it afterwards is to notice.</summary>
    private void Spoil<T>(in TransformPlan plan, DevicePointer source, int half, StreamHandle stream) where T : unmanaged
    {
        var nothing = new (double, double)[half];
        Array.Fill(nothing, (double.NaN, double.NaN));
        for (var i = 0; i < plan.Batch; i++) Write<T>(nothing, source, i * (long)plan.InputDistance, plan.InputStride, false, stream);
    }

    private static unsafe DevicePointer At<T>(DevicePointer start, long elements) where T : unmanaged => new(start.Address + (ulong)(elements * sizeof(T)));

    private static double Wide<T>(T value) where T : unmanaged => value is float f ? f : (double)(object)value;

    private static T Narrow<T>(double value) where T : unmanaged => typeof(T) == typeof(float) ? (T)(object)(float)value : (T)(object)value;
}
