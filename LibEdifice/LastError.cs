using Edifice.Attention;
using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.C;

/// <summary>Turns whatever a call threw into a status, and keeps its text for the calling thread.</summary>
internal static unsafe class LastError
{
    [ThreadStatic] private static CString? t_text;

    /// <summary>The text of this thread's last failure, "" before the first. It stays until the next one.</summary>
    public static byte* Text => t_text is { } text ? text.Pointer : Constants.Empty.Pointer;

    /// <summary>Runs what a call from C does: nothing that it throws gets out.</summary>
    /// <param name="call">The call.</param>
    /// <param name="rejected">What it means when the engine itself rejects something: calls that have checked all they were given
    /// have no such answer.</param>
    public static Status Guard(Action call, Status rejected = Status.Internal)
    {
        try
        {
            call();
            return Status.Ok;
        }
        catch (Exception e)
        {
            t_text?.Dispose();
            t_text = new CString(e.Message);
            return e switch
            {
                CallException broken => broken.Status,
                OptionException => Status.BadOption,
                SafetensorsException => Status.BadFile,
                TensorException => rejected,
                IOException or UnauthorizedAccessException => Status.NotFound,
                OutOfMemoryException => Status.OutOfMemory,
                _ => Status.Internal,
            };
        }
    }
}
