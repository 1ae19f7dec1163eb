using System.Runtime.InteropServices;
using System.Text;

namespace Edifice.C;

/// <summary>A text as C reads it: UTF-8 with a zero byte at its end, in native memory.</summary>
internal sealed unsafe class CString : IDisposable
{
    public CString(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Pointer = (byte*)NativeMemory.Alloc((nuint)length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(Pointer, length));
        Pointer[length] = 0;
    }

    ~CString() => Free();

    public byte* Pointer { get; private set; }

    /// <summary>The text at an address that C gave.</summary>
    /// <exception cref="CallException">The address is null.</exception>
    public static string Read(byte* text, string name) =>
        Marshal.PtrToStringUTF8((nint)text) ?? throw new CallException(Status.NullArgument, $"{name} is null");

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(Pointer);
        Pointer = null;
    }
}
