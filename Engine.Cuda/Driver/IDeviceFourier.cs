namespace Edifice.Engine.Cuda.Driver;

/// <summary>The kinds of transform of cuFFT; none scales.</summary>
internal enum TransformKind
{
    /// <summary>Complex to complex, e^(-2πi jk/n).</summary>
    Forward,

    /// <summary>Complex to complex, e^(+2πi jk/n).</summary>
    Inverse,

    /// <summary>Real [n] to complex [n/2 + 1].</summary>
    RealForward,

    /// <summary>Complex [n/2 + 1] to real [n].</summary>
    RealInverse,
}

/// <summary>A batch of transforms, of one dimension unless <paramref name="Rows"/> says otherwise; a stride counts elements of the
/// side's own kind (real or complex).</summary>
/// <param name="Kind">The transform.</param>
/// <param name="Type">float32 or float64.</param>
/// <param name="Length">n.</param>
/// <param name="InputStride">Elements between neighbours of one signal.</param>
/// <param name="InputDistance">Elements between one signal and the next.</param>
/// <param name="OutputStride">As <paramref name="InputStride"/>, of the result.</param>
/// <param name="OutputDistance">As <paramref name="InputDistance"/>, of the result.</param>
/// <param name="Batch">How many signals; in two dimensions, how many slices.</param>
/// <param name="Rows">Above 1: two dimensions, <see cref="TransformKind.RealForward"/> over slices of so many signals, one distance
/// apart each.</param>
internal readonly record struct TransformPlan(
    TransformKind Kind, DType Type, int Length, int InputStride, int InputDistance, int OutputStride, int OutputDistance, int Batch, int Rows = 1);

/// <summary>The seam over cuFFT. Plans are cached behind it.</summary>
internal interface IDeviceFourier
{
    /// <summary>Queues the transforms; source and destination may be the same for complex kinds. RealInverse may overwrite its
    /// source, as cuFFT does.</summary>
    void Transform(in TransformPlan plan, DevicePointer source, DevicePointer destination, StreamHandle stream);
}
