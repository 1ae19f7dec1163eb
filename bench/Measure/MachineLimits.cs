using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Edifice.Bench.Measure;

/// <summary>What this machine can do at most with so many threads, measured: fused multiply-adds on registers, copying
/// between arrays far larger than the caches, and reading the weights of a small model again and again.</summary>
/// <param name="single">float operations per second.</param>
/// <param name="dual">double operations per second.</param>
/// <param name="copy">Bytes read and written per second by a copy.</param>
/// <param name="read">Bytes read per second where a few megabytes are read over and over.</param>
internal sealed class MachineLimits(double single, double dual, double copy, double read)
{
    private const int Rounds = 7;
    private const int Accumulators = 24;
    private const int CopyBytes = 1 << 28;

    // More than a second-level cache holds, less than a third: what a stream of single tokens reads for each of them.
    private const int ReadBytes = 6 << 20;

    /// <summary>float operations per second.</summary>
    public double SinglePeak => single;

    /// <summary>double operations per second.</summary>
    public double DoublePeak => dual;

    /// <summary>Bytes read and written per second by a copy.</summary>
    public double CopyBandwidth => copy;

    /// <summary>Bytes read per second where a few megabytes are read over and over.</summary>
    public double ReadBandwidth => read;

    /// <summary>The least time for some work in milliseconds, and which limit sets it.</summary>
    public (double Milliseconds, string Limit) Least(Work work)
    {
        double arithmetic = work.Flops / (work.Double ? DoublePeak : SinglePeak), memory = work.Bytes / CopyBandwidth;
        if (work.Weights > 0) return (work.Weights / ReadBandwidth * 1e3, "read again");
        if (arithmetic == 0 && memory == 0) return (double.NaN, "");
        return arithmetic >= memory ? (arithmetic * 1e3, "multiply-add") : (memory * 1e3, "copy");
    }

    public static MachineLimits Measure(int threads)
    {
        // Written once before, so that no page is touched for the first time while the clock runs.
        byte[] from = GC.AllocateUninitializedArray<byte>(CopyBytes), to = GC.AllocateUninitializedArray<byte>(CopyBytes);
        from.AsSpan().Fill(1);
        to.AsSpan().Fill(2);
        var part = CopyBytes / threads;
        return new MachineLimits(Best(threads, _ => Spin<float>()), Best(threads, _ => Spin<double>()), Best(threads, thread =>
        {
            from.AsSpan(thread * part, part).CopyTo(to.AsSpan(thread * part));
            return 2.0 * part;
        }), Best(threads, thread => ReadAgain(from.AsSpan(thread * part, ReadBytes / threads))));
    }

    /// <returns>Bytes read.</returns>
    private static double ReadAgain(ReadOnlySpan<byte> bytes)
    {
        const int Times = 64;
        var numbers = MemoryMarshal.Cast<byte, float>(bytes);
        float sum = 0;
        for (var i = 0; i < Times; i++) sum += TensorPrimitives.Sum(numbers);
        GC.KeepAlive(sum); // or the compiler might leave the reading out
        return (double)Times * bytes.Length;
    }

    /// <summary>The best of several rounds of all threads together, in units per second.</summary>
    private static double Best(int threads, Func<int, double> work)
    {
        double best = 0;
        for (var r = 0; r < Rounds; r++)
        {
            using var ready = new Barrier(threads);
            var units = new double[threads];
            long[] start = new long[threads], end = new long[threads];
            var workers = Enumerable.Range(0, threads).Select(i => new Thread(() =>
            {
                // Each looks at the clock itself: a thread that looked for all might not get a processor before they are done.
                ready.SignalAndWait();
                start[i] = Stopwatch.GetTimestamp();
                units[i] = work(i);
                end[i] = Stopwatch.GetTimestamp();
            })).ToArray();
            foreach (var w in workers) w.Start();
            foreach (var w in workers) w.Join();
            best = Math.Max(best, units.Sum() / Stopwatch.GetElapsedTime(start.Min(), end.Max()).TotalSeconds);
        }

        return best;
    }

    private static double Spin<T>()
        where T : unmanaged
    {
        const int Steps = 2_000_000;
        if (Vector512.IsHardwareAccelerated)
        {
            Spin512<T>(Steps);
            return 2.0 * Accumulators * Vector512<T>.Count * Steps;
        }

        Spin256<T>(Steps);
        return 2.0 * Accumulators / 2 * Vector256<T>.Count * Steps;
    }

    private static T As<T>(double value) => typeof(T) == typeof(float) ? (T)(object)(float)value : (T)(object)value;

    private static Vector512<T> Fma<T>(Vector512<T> a, Vector512<T> b, Vector512<T> c) => typeof(T) == typeof(float)
        ? Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    private static Vector256<T> Fma<T>(Vector256<T> a, Vector256<T> b, Vector256<T> c) => typeof(T) == typeof(float)
        ? Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();

    // Independent chains, more than latency times throughput, each in a register of its own.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Vector512<T> Spin512<T>(int steps)
        where T : unmanaged
    {
        Vector512<T> x = Vector512.Create(As<T>(0.999)), y = Vector512.Create(As<T>(0.001));
        Vector512<T> a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;
        Vector512<T> b0 = y, b1 = y, b2 = y, b3 = y, b4 = y, b5 = y, b6 = y, b7 = y, b8 = y, b9 = y, b10 = y, b11 = y;
        for (var i = 0; i < steps; i++)
        {
            a0 = Fma(a0, x, y); a1 = Fma(a1, x, y); a2 = Fma(a2, x, y); a3 = Fma(a3, x, y);
            a4 = Fma(a4, x, y); a5 = Fma(a5, x, y); a6 = Fma(a6, x, y); a7 = Fma(a7, x, y);
            a8 = Fma(a8, x, y); a9 = Fma(a9, x, y); a10 = Fma(a10, x, y); a11 = Fma(a11, x, y);
            b0 = Fma(b0, x, y); b1 = Fma(b1, x, y); b2 = Fma(b2, x, y); b3 = Fma(b3, x, y);
            b4 = Fma(b4, x, y); b5 = Fma(b5, x, y); b6 = Fma(b6, x, y); b7 = Fma(b7, x, y);
            b8 = Fma(b8, x, y); b9 = Fma(b9, x, y); b10 = Fma(b10, x, y); b11 = Fma(b11, x, y);
        }

        return a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11 + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8 + b9 + b10 + b11;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Vector256<T> Spin256<T>(int steps)
        where T : unmanaged
    {
        Vector256<T> x = Vector256.Create(As<T>(0.999)), y = Vector256.Create(As<T>(0.001));
        Vector256<T> a0 = x, a1 = x, a2 = x, a3 = x, a4 = x, a5 = x, a6 = x, a7 = x, a8 = x, a9 = x, a10 = x, a11 = x;
        for (var i = 0; i < steps; i++)
        {
            a0 = Fma(a0, x, y); a1 = Fma(a1, x, y); a2 = Fma(a2, x, y); a3 = Fma(a3, x, y);
            a4 = Fma(a4, x, y); a5 = Fma(a5, x, y); a6 = Fma(a6, x, y); a7 = Fma(a7, x, y);
            a8 = Fma(a8, x, y); a9 = Fma(a9, x, y); a10 = Fma(a10, x, y); a11 = Fma(a11, x, y);
        }

        return a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
    }
}
