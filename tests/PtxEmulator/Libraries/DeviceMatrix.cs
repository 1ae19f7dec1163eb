using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edifice.Engine.Cuda.Driver;

namespace PtxEmulator.Libraries;

/// <summary>A matrix on the card in cuBLAS's order. It is read and written column by column, so that what lies between the columns is
/// neither touched nor asked about.</summary>
internal static class DeviceMatrix
{
    /// <summary>The columns one after the other, without the gaps between them.</summary>
    public static T[] Read<T>(ICudaDriver driver, DevicePointer start, int rows, int columns, int leading, StreamHandle stream) where T : unmanaged
    {
        var values = new T[rows * columns];
        foreach (var (first, count, at) in Runs<T>(rows, columns, leading))
            driver.CopyToHost(new DevicePointer(start.Address + at), MemoryMarshal.AsBytes(values.AsSpan(first, count)), stream);
        return values;
    }

    /// <summary>The reverse of <see cref="Read"/>.</summary>
    public static void Write<T>(ICudaDriver driver, ReadOnlySpan<T> values, DevicePointer start, int rows, int columns, int leading, StreamHandle stream) where T : unmanaged
    {
        foreach (var (first, count, at) in Runs<T>(rows, columns, leading))
            driver.CopyToDevice(MemoryMarshal.AsBytes(values.Slice(first, count)), new DevicePointer(start.Address + at), stream);
    }

    private static IEnumerable<(int First, int Count, ulong At)> Runs<T>(int rows, int columns, int leading) where T : unmanaged
    {
        if (rows * columns == 0) yield break;
        if (leading == rows || columns == 1)
        {
            yield return (0, rows * columns, 0);
            yield break;
        }

        for (var c = 0; c < columns; c++) yield return (c * rows, rows, (ulong)c * (ulong)leading * (ulong)Unsafe.SizeOf<T>());
    }
}
